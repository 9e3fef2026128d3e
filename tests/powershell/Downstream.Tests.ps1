# Emulator: {"backends":8}
#
# What later commands of the pipeline do to a cmdlet: the same as to a compiled one, for both cmdlets that output many objects.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Runspace.ps1"
. "$PSScriptRoot/CompiledCmdlets.ps1"

# A script with SOURCE in it runs with each of these as its source of the backends 1 to 8.
$sources = [ordered] @{
    compiled = '$backends | Send-Compiled'
    reset    = '$backends | Reset-AzApiManagementBackendConnection -PassThru'
    get      = 'Get-AzApiManagementBackend -Context $context'
}

# What the script leaves in $log, its output and its errors.
function Get-Trace {
    param([string] $Source, [string] $Script)

    $preamble = "Import-Module AzApiManagement.Standalone; `$log = [System.Collections.Generic.List[string]]::new(); `$backends = 1..8 | ForEach-Object { New-Backend `$_ }`n"
    $ran = Wait-Runspace (Start-Runspace ($preamble + $Script.Replace('SOURCE', $sources[$Source])) $CompiledCmdlets)
    'log:'
    $ran.Shell.Runspace.SessionStateProxy.GetVariable('log')
    'output:'
    foreach ($object in $ran.Output) { "$object" }
    'errors:'
    foreach ($record in $ran.Shell.Streams.Error) { "$($record.FullyQualifiedErrorId): $($record.Exception.GetBaseException().Message)" }
}

function Assert-AsCompiled {
    param([string] $Script)

    $expected = @(Get-Trace compiled $Script)
    foreach ($source in 'reset', 'get') {
        Assert-Equal @(Get-Trace $source $Script) $expected "trace with ${source}: $Script"
    }
    $expected
}

Test 'the compiled cmdlet is one' {
    Assert-Equal @(Assert-AsCompiled 'SOURCE | ForEach-Object { $log.Add($_.BackendId) }; "after"') 'log:', '1', '2', '3', '4', '5', '6', '7', '8', 'output:', 'after', 'errors:' 'trace'
}

Test 'an error of a statement' {
    $trace = Assert-AsCompiled 'SOURCE | ForEach-Object { $null.Foo(); $log.Add($_.BackendId) }; "after"'
    Assert-Equal @($trace -match 'InvokeMethodOnNull').Count 8 'errors'
    $null = Assert-AsCompiled '$ErrorActionPreference = "Stop"; try { SOURCE | ForEach-Object { $log.Add($_.BackendId); $null.Foo() } } catch { $log.Add("caught $_") }; "after"'
}

Test 'an error record of a later command' {
    $null = Assert-AsCompiled 'SOURCE | ForEach-Object { Write-Error "no $($_.BackendId)"; $log.Add($_.BackendId) }; "after"'
    $null = Assert-AsCompiled 'try { SOURCE | ForEach-Object { $log.Add($_.BackendId); Write-Error "no $($_.BackendId)" -ErrorAction Stop } } catch { $log.Add("caught $_") }; "after"'
}

Test 'throw' {
    $null = Assert-AsCompiled 'try { SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "3") { throw "enough" } } } catch { $log.Add("caught $_") }; "after"'
    $null = Assert-AsCompiled 'SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "3") { throw "enough" } }; "after"'
}

Test 'throw, with an -ErrorAction or a preference that says nothing of errors' {
    foreach ($action in 'SilentlyContinue', 'Ignore', 'Continue', 'Stop') {
        $null = Assert-AsCompiled "try { SOURCE -ErrorAction $action | ForEach-Object { `$log.Add(`$_.BackendId); if (`$_.BackendId -eq '2') { throw 'enough' } } } catch { `$log.Add(`"caught `$_`") }; 'after'"
    }
    foreach ($action in 'SilentlyContinue', 'Stop') {
        $null = Assert-AsCompiled "`$ErrorActionPreference = '$action'; try { SOURCE | ForEach-Object { `$log.Add(`$_.BackendId); if (`$_.BackendId -eq '2') { throw 'enough' } } } catch { `$log.Add(`"caught `$_`") }; 'after'"
    }
}

Test 'break, also with a label' {
    $null = Assert-AsCompiled 'foreach ($n in 1, 2) { $log.Add("turn $n"); SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "3") { break } }; $log.Add("rest of the turn") }; "after"'
    $null = Assert-AsCompiled ':outer foreach ($m in 1, 2) { foreach ($n in 1, 2) { $log.Add("turn $m $n"); SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "3") { break outer } } }; $log.Add("rest") }; "after"'
}

Test 'continue, also with a label' {
    $null = Assert-AsCompiled 'foreach ($n in 1, 2) { $log.Add("turn $n"); SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "3") { continue } }; $log.Add("rest of the turn") }; "after"'
    $null = Assert-AsCompiled ':outer foreach ($m in 1, 2) { foreach ($n in 1, 2) { $log.Add("turn $m $n"); SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "3") { continue outer } } }; $log.Add("rest") }; "after"'
}

Test 'break and continue without a loop' {
    $null = Assert-AsCompiled 'SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "3") { break } }; "after"'
    $null = Assert-AsCompiled 'SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "3") { continue } }; "after"'
}

Test 'return, and exit' {
    $null = Assert-AsCompiled 'SOURCE | ForEach-Object { if ($_.BackendId -eq "3") { return }; $log.Add($_.BackendId) }; "after"'
    $null = Assert-AsCompiled 'function Invoke-It { SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "3") { exit 5 } } }; Invoke-It; "after"'
}

Test 'a later command that asks for no more' {
    $null = Assert-AsCompiled 'SOURCE | ForEach-Object { $log.Add($_.BackendId); $_ } | Stop-Upstream; "after"'
    $null = Assert-AsCompiled 'foreach ($n in 1, 2) { SOURCE | ForEach-Object { $log.Add($_.BackendId); if ($_.BackendId -eq "2") { $_ } } | Stop-Upstream }; "after"'
}

Test 'a later command that ends its own call' {
    $terminating = 'function Stop-It { [CmdletBinding()] param([Parameter(ValueFromPipeline)] $InputObject) process { $log.Add($InputObject.BackendId); if ($InputObject.BackendId -eq "3") {
        $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new([Exception]::new("ends"), "Ends", "NotSpecified", $null)) } } }'
    $null = Assert-AsCompiled "$terminating; SOURCE | Stop-It; 'after'"
    $null = Assert-AsCompiled "$terminating; try { SOURCE | Stop-It } catch { `$log.Add(`"caught `$_`") }; 'after'"
}

Test 'an error of an earlier command' {
    foreach ($source in '$backends | Send-Compiled', '$backends | Reset-AzApiManagementBackendConnection') {
        $ran = Wait-Runspace (Start-Runspace "`$backends = 1..2 | ForEach-Object { New-Backend `$_ }
            try { & { `$backends; throw 'upstream' } | $($source.Replace('$backends | ', '')) } catch { `"caught `$_`" }; 'after'" $CompiledCmdlets)
        Assert-Equal @($ran.Output)[-2, -1] 'caught upstream', 'after' "output with $source"
        Assert-Equal $ran.Shell.Streams.Error.Count 0 'errors'
    }
}

Test '-PipelineVariable of the cmdlet itself' {
    $null = Assert-AsCompiled 'SOURCE -PipelineVariable current | ForEach-Object { $log.Add("$($current.BackendId) $($_.BackendId)") }; "after"'
}

Test 'what is known is acted on before anything else is sent' {
    $problem = Assert-Throws { (New-Backend 1 -Id nonsense), (New-Backend 2) | Reset-AzApiManagementBackendConnection -ErrorAction Stop }
    Assert-Error $problem InvalidResourceId InvalidArgument
    Assert-Equal (Get-Sent) @() 'sent'
}
