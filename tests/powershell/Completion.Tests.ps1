# Emulator: {"backends":300}
#
# Tab on -BackendId and -Protocol: it lists, it is quick, and it never fails or asks.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"

Import-Module AzApiManagement.Standalone

$context = New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso
$nowhere = New-Context -ServiceName nobody

# What Tab offers at the end of a line.
function Get-Offers {
    param([string] $Line)

    foreach ($match in [System.Management.Automation.CommandCompletion]::CompleteInput($Line, $Line.Length, @{}).CompletionMatches) { $match.CompletionText }
}

Test '-BackendId lists the backends of -Context, filtered by what is typed' {
    $null = Get-Offers 'Reset-AzApiManagementBackendConnection -Context $context -BackendId x'
    foreach ($cmdlet in 'Reset-AzApiManagementBackendConnection', 'Get-AzApiManagementBackend') {
        Assert-Equal @(Get-Offers "$cmdlet -Context `$context -BackendId ").Count 300 "offers of $cmdlet"
        Assert-Equal @(Get-Offers "$cmdlet -Context `$context -BackendId 29") @('29', '290', '291', '292', '293', '294', '295', '296', '297', '298', '299') "offers of $cmdlet"
        Assert-Equal @(Get-Offers "$cmdlet -Context `$context -BackendId '30").Count 2 'offers after a quote'
    }
    Assert-Equal @((Get-Journal).method | Sort-Object -Unique) 'GET' 'requests'
}

Test 'a name that needs quotes gets them' {
    Set-EmulatorBackend "it's one" @{ properties = @{ url = 'https://contoso.com/'; protocol = 'http' } }
    Assert-Equal (Get-Offers 'Reset-AzApiManagementBackendConnection -Context $context -BackendId it') "'it''s one'" 'offer'
}

Test 'what cannot be listed offers nothing, and is no error' {
    $Error.Clear()
    Assert-Equal @(Get-Offers 'Reset-AzApiManagementBackendConnection -Context $nowhere -BackendId nothing-of-that-name') @() 'a service that is not there'
    Assert-Equal @(Get-Offers 'Reset-AzApiManagementBackendConnection -BackendId nothing-of-that-name') @() 'no context'
    Use-Environment @{ AZURE_RESOURCE_MANAGER_ENDPOINT = 'https://127.0.0.1:1' } {
        Assert-Equal @(Get-Offers 'Reset-AzApiManagementBackendConnection -Context $context -BackendId nothing-of-that-name') @() 'no service at all'
    }
}

Test 'a service that does not answer holds nobody up' {
    Add-Fault @{ kind = 'stall'; times = 10 }
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    Assert-Equal @(Get-Offers 'Reset-AzApiManagementBackendConnection -Context $context -BackendId nothing-of-that-name') @() 'offers'
    Assert-True ($clock.ElapsedMilliseconds -lt 10000) "it took $($clock.ElapsedMilliseconds) ms"
}

Test '-Protocol offers its two values' {
    Assert-Equal @(Get-Offers 'Reset-AzApiManagementBackendConnection -Protocol ') 'http', 'soap' 'offers'
}
