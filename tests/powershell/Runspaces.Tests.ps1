# Several calls at once in one process, and calls inside of scripts that set what they like.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"
. "$PSScriptRoot/Runspace.ps1"

Test 'two runspaces at once: each gets its own results' {
    # Neither can end before the other has begun.
    Add-Fault @{ match = '/backends/100/'; kind = 'latency'; ms = 500 }
    Add-Fault @{ match = '/backends/200/'; kind = 'latency'; ms = 500 }
    $one = Start-Runspace '100..149 | ForEach-Object { New-Backend $_ } | Reset-AzApiManagementBackendConnection -PassThru'
    $other = Start-Runspace '200..249 | ForEach-Object { New-Backend $_ } | Reset-AzApiManagementBackendConnection -PassThru'
    $null = Wait-Runspace $one
    $null = Wait-Runspace $other
    Assert-Equal $one.Shell.Streams.Error.Count 0 "errors of one: $($one.Shell.Streams.Error)"
    Assert-Equal $other.Shell.Streams.Error.Count 0 "errors of the other: $($other.Shell.Streams.Error)"
    Assert-Equal $one.Output.BackendId (100..149 | ForEach-Object { "$_" }) 'output of one'
    Assert-Equal $other.Output.BackendId (200..249 | ForEach-Object { "$_" }) 'output of the other'
    Assert-Equal @(Get-Journal).Count 200 'requests'
}

Test 'one runspace is stopped, the other goes on' {
    Add-Fault @{ match = '/backends/1/'; kind = 'stall' }
    Add-Fault @{ match = '/backends/2/'; kind = 'latency'; ms = 1000 }
    $one = Start-Runspace 'New-Backend 1 | Reset-AzApiManagementBackendConnection -PassThru'
    $other = Start-Runspace 'New-Backend 2 | Reset-AzApiManagementBackendConnection -PassThru'
    Wait-Until { @(Get-Journal).Count -eq 2 } 'both requests'
    $one.Shell.Stop()
    $null = Wait-Runspace $other
    Assert-Equal $other.Output.BackendId '2' 'output of the other'
}

Test 'ForEach-Object -Parallel' {
    $output = 1..24 | ForEach-Object -ThrottleLimit 4 -Parallel {
        Import-Module AzApiManagement.BackendConnection
        . "$using:PSScriptRoot/Models.ps1"
        New-Backend $_ | Reset-AzApiManagementBackendConnection -PassThru
    }
    Assert-Equal (@($output.BackendId | ForEach-Object { [int] $_ }) | Sort-Object) (1..24) 'output'
    Assert-Equal @(Get-Journal).Count 48 'requests'
}

Test 'two calls in one pipeline' {
    $output = 1..20 | ForEach-Object { New-Backend $_ } | Reset-AzApiManagementBackendConnection -PassThru | Reset-AzApiManagementBackendConnection -PassThru
    Assert-Equal $output.BackendId (1..20 | ForEach-Object { "$_" }) 'output'
    Assert-Equal @(Get-Journal).Where({ $_.method -eq 'POST' }).Count 40 'resets'
}

Test 'a call inside of the input of another' {
    & { foreach ($n in 1..10) { Reset-AzApiManagementBackendConnection -InputObject (New-Backend ($n + 10)); New-Backend $n } } | Reset-AzApiManagementBackendConnection
    Assert-Equal @(Get-Journal).Count 20 'requests'
}

Test 'strict mode, every error terminating, and variables with the names that the module uses' {
    # Set for the whole session, where the module sees them.
    $told = Invoke-Script @"
Set-StrictMode -Version Latest
`$ErrorActionPreference = 'Stop'
$Preamble
foreach (`$name in 'native', 'run', 'session', 'json', 'item', 'own', 'settings', 'target', 'bytes', 'status', 'taken', 'inputs', 'trace', 'id', 'name', 'kind',
    'number', 'buffer', 'quoted', 'utf8', 'asks', 'bound', 'file', 'Folder', 'Native', 'RestIsLoaded', 'Context', 'InputObject', 'BackendId', 'Protocol', 'Url', 'Credential',
    'Proxy', 'PassThru', 'TimeUntilReset', 'timeIsGiven', 'idIsGiven') {
    `$ExecutionContext.SessionState.PSVariable.Set("global:`$name", 'a value of the user')
}
`$own = New-Context
(New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -PassThru | ForEach-Object { 'out ' + `$_.BackendId }
Reset-AzApiManagementBackendConnection -Context `$own -BackendId 3 -Protocol http -Url 'https://contoso.com/' -TimeUntilReset 5
30 | Reset-AzApiManagementBackendConnection -Context `$own -BackendId 4
[pscustomobject] @{ BackendId = '5'; Url = ''; Protocol = '' } | Reset-AzApiManagementBackendConnection -Context `$own
New-Backend 6 'Deserialized.' | Reset-AzApiManagementBackendConnection -Context `$own
Reset-AzApiManagementBackendConnection -InputObject (New-Backend 7) -BackendId 7 -WhatIf
foreach (`$call in { New-Backend 8 -Id nonsense | Reset-AzApiManagementBackendConnection }, { Reset-AzApiManagementBackendConnection -Context `$own -BackendId 9 -Protocol '' },
    { Reset-AzApiManagementBackendConnection -Context `$own -BackendId 9 -Url '' }, { New-Backend nowhere | Reset-AzApiManagementBackendConnection }) {
    try { & `$call } catch { `$_.FullyQualifiedErrorId }
}
1..200 | ForEach-Object { New-Backend `$_ } | Reset-AzApiManagementBackendConnection -Debug 5>`$null
'the end'
"@
    Assert-Equal $told.Errors '' 'errors'
    Assert-Equal ($told.Output.TrimEnd() -split '\r?\n') 'out 1', 'out 2',
        'What if: Performing the operation "Reset connection" on target "backend ''7'' of service ''contoso'' in resource group ''Api-Default-WestUS''".',
        'InvalidResourceId,Reset-AzApiManagementBackendConnection', 'InvalidProtocol,Reset-AzApiManagementBackendConnection',
        'InvalidUrl,Reset-AzApiManagementBackendConnection', 'ResourceNotFound,Reset-AzApiManagementBackendConnection', 'the end' 'told'
    Assert-Equal @(Get-Journal).Where({ $_.status -eq 202 }).Count 206 'resets'
}

Test 'a variable called session is not taken for one of the module' {
    $told = Invoke-Script @"
$Preamble
`$session = [IntPtr] 8
`$run = @{ Session = [IntPtr] 8; ProgressShown = `$false }
try { Reset-AzApiManagementBackendConnection -Context `$context -BackendId 1 -Protocol '' } catch { `$_.FullyQualifiedErrorId }
try { Reset-AzApiManagementBackendConnection -Context `$context -BackendId 1 -Url nonsense } catch { `$_.FullyQualifiedErrorId }
"@
    Assert-Equal $told.ExitCode 0 "exit code; told: $($told.Output) $($told.Errors)"
    Assert-Equal ($told.Output.TrimEnd() -split '\r?\n') 'InvalidProtocol,Reset-AzApiManagementBackendConnection', 'InvalidUrl,Reset-AzApiManagementBackendConnection' 'told'
}

Test 'functions with the names of cmdlets do not get in the way' {
    $told = Invoke-Script @"
$Preamble
foreach (`$name in 'Write-Error', 'Write-Verbose', 'ForEach-Object', 'Where-Object', 'Out-Null', 'Get-Variable') {
    `$null = `$ExecutionContext.InvokeProvider.Item.Set("function:global:`$name", { throw 'called' })
}
(New-Backend 1), (New-Backend nowhere) | Reset-AzApiManagementBackendConnection -Verbose -ErrorAction Ignore 4>`$null
'the end'
"@
    Assert-Equal $told.Errors '' 'errors'
    Assert-Equal $told.Output.TrimEnd() 'the end' 'told'
}

Test 'the module can be removed and imported again' {
    New-Backend 1 | Reset-AzApiManagementBackendConnection
    foreach ($n in 1..3) {
        Remove-Module AzApiManagement.BackendConnection
        Import-Module AzApiManagement.BackendConnection
        New-Backend 1 | Reset-AzApiManagementBackendConnection
        Import-Module AzApiManagement.BackendConnection -Force
        New-Backend 1 | Reset-AzApiManagementBackendConnection
    }
    Assert-Equal @(Get-Journal).Count 7 'resets'
}

Test 'settings of the environment are read at each call' {
    New-Backend 1 | Reset-AzApiManagementBackendConnection
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = '00000000-0000-0000-0000-0000000000aa' } {
        $null = Assert-WritesError { Reset-AzApiManagementBackendConnection -Context (New-Context) -BackendId 1 }
    }
    Assert-Contains @(Get-Journal)[1].path '/subscriptions/00000000-0000-0000-0000-0000000000aa/'
}
