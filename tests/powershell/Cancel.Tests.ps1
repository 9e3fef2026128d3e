# A call that is ended before its end: the pipeline is stopped, the rest of it wants no more, or an error stops it. What was
# given up is said once, in one line.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"
. "$PSScriptRoot/Runspace.ps1"

# How long the end may take on a machine that has much else to do; the bound that is measured is a quarter of a second.
$soon = 5000

# The warning of a cancel that left one item, the backend 2, without a result.
$oneLeft = "^(?:WARNING: )?Cancelled: (?:1 sent without an answer, 0|0 sent without an answer, 1) not done\. The first without a result: backend '2' of service 'contoso' in resource group 'Api-Default-WestUS'\.$"

# Holds the first answer back until the second item was given too. A call before has read what a process's first call reads.
$warm = 'New-Backend 9 | Reset-AzApiManagementBackendConnection'
function Add-Latency {
    param([string] $BackendId, [int] $Times = 1)

    Add-Fault @{ match = "/backends/$BackendId/"; kind = 'latency'; ms = 3000; times = $Times }
}

function Wait-Sent {
    param([int] $Count)

    Wait-Until { @(Get-Journal).Count -ge $Count } "$Count requests"
}

Test 'Select-Object -First 1 gets the first' {
    $output = (New-Backend 1), (New-Backend 2), (New-Backend 3) | Reset-AzApiManagementBackendConnection -PassThru | Select-Object -First 1
    Assert-Equal $output.BackendId '1' 'output'
}

Test 'a later command that wants no more ends it at once, and what was given up is said once' {
    Add-Latency 1
    Add-Fault @{ match = '/backends/2/'; kind = 'stall' }
    # As Select-Object -First does, where it ends what is before it in the pipeline.
    $told = Invoke-Script "$Preamble$warm
`$clock = [System.Diagnostics.Stopwatch]::StartNew()
:all do { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -PassThru | ForEach-Object { `$_.BackendId; break all } } while (`$false)
`$clock.ElapsedMilliseconds"
    $lines = @($told.Output.TrimEnd() -split '\r?\n')
    Assert-Equal $lines[0] '1' 'output'
    Assert-True ($lines[1] -match $oneLeft) "the warning: $lines"
    Assert-Equal $lines.Count 3 "lines: $lines"
    Assert-True ([int] $lines[2] -lt $soon) "it took $($lines[2]) ms"
}

Test '-ErrorAction Stop gives up the rest' {
    Add-Latency nowhere
    Add-Fault @{ match = '/backends/2/'; kind = 'stall' }
    $told = Invoke-Script "$Preamble$warm
try {
    (New-Backend nowhere), (New-Backend 2) | Reset-AzApiManagementBackendConnection -ErrorAction Stop
} catch {
    `$_.FullyQualifiedErrorId
}"
    Assert-Contains $told.Output 'ResourceNotFound'
    Assert-Equal @($told.Output -split '\r?\n' -match $oneLeft).Count 1 "said once: $($told.Output)"
    Assert-True ($told.Milliseconds -lt 20000) 'it does not wait for the answer that never comes'
    Assert-Equal (Get-EmulatorStats).running 0 'requests that still run'
}

Test 'what is said is a warning: its variable, its stream and its preference hold' {
    Add-Latency nowhere 10
    Add-Fault @{ match = '/backends/2/'; kind = 'stall'; times = 10 }
    $call = {
        param([hashtable] $Common)

        try { (New-Backend nowhere), (New-Backend 2) | Reset-AzApiManagementBackendConnection -ErrorAction Stop @Common } catch { }
    }
    $warnings = @(& $call @{ WarningVariable = 'kept' } 3>&1)
    Assert-Equal $warnings.Count 1 "warnings: $warnings"
    Assert-True ($warnings[0].Message -match $oneLeft) "the warning: $warnings"
    $told = Invoke-Script "$Preamble$warm
`$call = { $call }
& `$call @{ WarningAction = 'SilentlyContinue'; WarningVariable = '+global:kept' }
& { `$WarningPreference = 'SilentlyContinue'; & `$call @{} }
& `$call @{} 3>`$null
`$kept.Count"
    Assert-Equal $told.Output.TrimEnd() '1' 'output'
    Assert-Equal $told.Errors '' 'errors'
}

Test 'nothing is said when all was done' {
    $told = Invoke-Script "$Preamble
(New-Backend 1), (New-Backend nowhere) | Reset-AzApiManagementBackendConnection -ErrorAction SilentlyContinue
(New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection
try { New-Backend nowhere | Reset-AzApiManagementBackendConnection -ErrorAction Stop } catch { }
New-Backend 1 | Reset-AzApiManagementBackendConnection -PassThru | Select-Object -First 1 | ForEach-Object { }"
    Assert-Equal $told.Output '' 'output'
    Assert-Equal $told.Errors '' 'errors'
}

Test 'stopping the pipeline ends a request that is never answered' {
    Add-Fault @{ kind = 'stall'; times = 10 }
    $running = Start-Runspace '(New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection'
    Wait-Sent 2
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    $running.Shell.Stop()
    Assert-True ($clock.ElapsedMilliseconds -lt $soon) "it took $($clock.ElapsedMilliseconds) ms"
    Assert-Equal $running.Shell.InvocationStateInfo.State 'Stopped' 'state'
    $running.Shell.Dispose()
    # Its connections end with it: nothing goes on in the background.
    Wait-Until { (Get-EmulatorStats).running -eq 0 } 'the end of the requests'
}

Test 'closing the runspace ends it' {
    Add-Fault @{ kind = 'stall'; times = 10 }
    $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
    $runspace.Open()
    $shell = [powershell]::Create()
    $shell.Runspace = $runspace
    $null = $shell.AddScript("${Preamble}New-Backend 1 | Reset-AzApiManagementBackendConnection")
    $null = $shell.BeginInvoke()
    Wait-Sent 1
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    $runspace.Close()
    Assert-True ($clock.ElapsedMilliseconds -lt $soon) "it took $($clock.ElapsedMilliseconds) ms"
    Wait-Until { (Get-EmulatorStats).running -eq 0 } 'the end of the requests'
    $shell.Dispose()
    $runspace.Dispose()
}

Test 'stopping a call that waits for more input' {
    $running = Start-Runspace '& { New-Backend 1; Start-Sleep -Seconds 3600 } | Reset-AzApiManagementBackendConnection'
    Wait-Sent 1
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    $running.Shell.Stop()
    Assert-True ($clock.ElapsedMilliseconds -lt $soon) "it took $($clock.ElapsedMilliseconds) ms"
    $running.Shell.Dispose()
}

Test 'a cancelled call leaves the next one whole' {
    Add-Fault @{ match = '/backends/1/'; kind = 'stall' }
    $running = Start-Runspace 'New-Backend 1 | Reset-AzApiManagementBackendConnection'
    Wait-Sent 1
    $running.Shell.Stop()
    $running.Shell.Dispose()
    New-Backend 2 | Reset-AzApiManagementBackendConnection
    Assert-Equal @(Get-Sent)[-1] 'POST 2/reconnect' 'sent'
}

Test 'a downstream error ends it' {
    Add-Fault @{ match = '/backends/2/'; kind = 'stall' }
    $problem = Assert-Throws { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -PassThru | ForEach-Object { throw 'downstream' } }
    Assert-Equal $problem.Exception.Message 'downstream' 'error'
    Wait-Until { (Get-EmulatorStats).running -eq 0 } 'the end of the requests'
}

Test 'an upstream error ends it' {
    Add-Fault @{ match = '/backends/1/'; kind = 'stall' }
    $problem = Assert-Throws { & { New-Backend 1; throw 'upstream' } | Reset-AzApiManagementBackendConnection }
    Assert-Equal $problem.Exception.Message 'upstream' 'error'
    Wait-Until { (Get-EmulatorStats).running -eq 0 } 'the end of the requests'
}
