# Emulator: {"tokenLifetimeSeconds":4,"subscriptions":3}
#
# Az.Accounts, loaded and connected, says who calls and where. A stand-in with its names and shapes takes its place; the emulator
# accepts no token but those that it issued itself, for as long as they last.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"

# What the stand-in does, and what it was asked.
$global:AzStandIn = @{ Connected = $true; Secure = $true; Expires = 'offset'; Fails = $null; Token = $null; Asked = [System.Collections.Generic.List[object]]::new() }

$folder = "$env:TEST_SCRATCH/modules/Az.Accounts"
$null = [System.IO.Directory]::CreateDirectory($folder)
[System.IO.File]::WriteAllText("$folder/Az.Accounts.psm1", @'
function Get-AzContext {
    [CmdletBinding()]
    param([switch] $ListAvailable, $DefaultProfile)

    if ($global:AzStandIn.Connected) {
        [pscustomobject] @{
            Name         = 'stand-in'
            Account      = [pscustomobject] @{ Id = 'someone@contoso.com'; Type = 'User' }
            Subscription = [pscustomobject] @{ Id = '00000000-0000-0000-0000-000000000003'; Name = 'third' }
            Tenant       = [pscustomobject] @{ Id = '11111111-1111-1111-1111-111111111111' }
            Environment  = [pscustomobject] @{
                Name = 'emulator'; ResourceManagerUrl = "$env:TEST_ENDPOINT/"; ActiveDirectoryServiceEndpointResourceId = 'https://management.core.windows.net/'
            }
        }
    }
}

function Get-AzAccessToken {
    [CmdletBinding()]
    param([string] $ResourceUrl, [string] $TenantId, [switch] $AsSecureString, $DefaultProfile)

    $global:AzStandIn.Asked.Add([pscustomobject] @{ ResourceUrl = $ResourceUrl; TenantId = $TenantId; AsSecureString = $AsSecureString.IsPresent })
    if ($global:AzStandIn.Warns) {
        Write-Warning "Upcoming breaking changes in the cmdlet 'Get-AzAccessToken'"
    }
    if ($global:AzStandIn.Fails) {
        throw $global:AzStandIn.Fails
    }
    if ($global:AzStandIn.Token) {
        $text, $seconds = $global:AzStandIn.Token
    } else {
        $client = [System.Net.Http.HttpClient]::new()
        $client.DefaultRequestHeaders.Add('Metadata', 'true')
        $uri = "$env:TEST_CONTROL/metadata/identity/oauth2/token?api-version=2018-02-01&resource=$([uri]::EscapeDataString($ResourceUrl))"
        $answer = ConvertFrom-Json $client.GetStringAsync($uri).Result
        $client.Dispose()
        $text, $seconds = $answer.access_token, [long] $answer.expires_on
    }
    $global:AzStandIn.LastToken = $text
    $token = $text
    if ($global:AzStandIn.Secure) {
        $token = [securestring]::new()
        foreach ($character in $text.ToCharArray()) { $token.AppendChar($character) }
    }
    $offset = [DateTimeOffset]::FromUnixTimeSeconds($seconds)
    $expires = switch ($global:AzStandIn.Expires) {
        'offset' { $offset }
        'local' { $offset.LocalDateTime }
        'utc' { $offset.UtcDateTime }
    }
    [pscustomobject] @{ Token = $token; ExpiresOn = $expires; TenantId = $TenantId; UserId = 'someone@contoso.com'; Type = 'Bearer' }
}

Export-ModuleMember -Function Get-AzContext, Get-AzAccessToken
'@)

# The context leads there, not the variables that lead the other tests.
$env:TEST_ENDPOINT = $env:AZURE_RESOURCE_MANAGER_ENDPOINT
$env:AZURE_RESOURCE_MANAGER_ENDPOINT = $null
$env:AZURE_SUBSCRIPTION_ID = $null

# Runs a block with the stand-in loaded, in this state.
function Use-AzAccounts {
    param([hashtable] $State, [scriptblock] $Body)

    foreach ($name in 'Fails', 'Token', 'LastToken', 'Warns') { $global:AzStandIn[$name] = $null }
    $global:AzStandIn.Connected = $true
    $global:AzStandIn.Secure = $true
    $global:AzStandIn.Expires = 'offset'
    foreach ($name in $State.Keys) { $global:AzStandIn[$name] = $State[$name] }
    $global:AzStandIn.Asked.Clear()
    Import-Module "$folder/Az.Accounts.psm1" -Global
    try {
        & $Body
    } finally {
        Remove-Module Az.Accounts
    }
}

# The requests to Azure Resource Manager, without those for the tokens.
function Get-Resets {
    @(Get-Journal).Where({ $_.path.StartsWith('/subscriptions/') })
}

Test 'its context gives subscription, endpoint and token' {
    Use-AzAccounts @{} {
        Reset-AzApiManagementBackendConnection -Context (New-Context) -BackendId 1
        Assert-Equal $global:AzStandIn.Asked.Count 1 'tokens asked for'
        Assert-Equal $global:AzStandIn.Asked[0].TenantId '11111111-1111-1111-1111-111111111111' 'tenant'
        Assert-Equal $global:AzStandIn.Asked[0].ResourceUrl.TrimEnd('/') 'https://management.core.windows.net' 'audience'
    }
    $resets = Get-Resets
    Assert-Equal $resets.status 202 'answer'
    Assert-Contains $resets[0].path '/subscriptions/00000000-0000-0000-0000-000000000003/'
}

Test 'it comes before AZURE_ACCESS_TOKEN and the endpoint of the environment' {
    Use-AzAccounts @{} {
        Use-Environment @{ AZURE_RESOURCE_MANAGER_ENDPOINT = 'https://127.0.0.1:1'; AZURE_ACCESS_TOKEN = 'another'; AZURE_SUBSCRIPTION_ID = '00000000-0000-0000-0000-0000000000ff' } {
            Reset-AzApiManagementBackendConnection -Context (New-Context) -BackendId 1
        }
    }
    Assert-Equal (Get-Resets).status 202 'answer'
}

Test 'what Az.Accounts warns of in its own cmdlet is not shown, and a token is asked for as a SecureString' {
    Use-AzAccounts @{ Warns = $true } {
        $told = @(New-Backend 1 | Reset-AzApiManagementBackendConnection -PassThru 3>&1)
        Assert-Equal $told.Count 1 "output: $told"
        Assert-True $global:AzStandIn.Asked[0].AsSecureString 'it asks for a SecureString'
    }
}

Test 'tokens as plain text, as before Az.Accounts 5' {
    Use-AzAccounts @{ Secure = $false } { New-Backend 1 | Reset-AzApiManagementBackendConnection }
    Assert-Equal (Get-Resets).status 202 'answer'
}

Test 'the end of a token as a local or a UTC time' {
    foreach ($kind in 'local', 'utc') {
        Use-AzAccounts @{ Expires = $kind } {
            New-Backend 1 | Reset-AzApiManagementBackendConnection
            Assert-Equal $global:AzStandIn.Asked.Count 1 'tokens asked for: the first is taken for good'
        }
    }
    Assert-Equal (Get-Resets).status 202, 202 'answers'
}

Test 'an input object keeps its own subscription' {
    Use-AzAccounts @{} { (New-Backend 1), (New-Backend 1 -Id (Get-BackendResourceId 1 2)) | Reset-AzApiManagementBackendConnection }
    $paths = (Get-Resets).path | Sort-Object
    Assert-Contains $paths[0] '/subscriptions/00000000-0000-0000-0000-000000000001/'
    Assert-Contains $paths[1] '/subscriptions/00000000-0000-0000-0000-000000000002/'
}

Test '-Verbose says that the token is from it' {
    Use-AzAccounts @{} {
        $told = New-Backend 1 | Reset-AzApiManagementBackendConnection -Verbose -Debug *>&1
        Assert-Contains "$told" 'Az.Accounts'
        Assert-NotContains "$told" $global:AzStandIn.LastToken
    }
}

Test 'a run that outlives its token gets new ones, and never sends one that has ended' {
    $bad = (Get-EmulatorStats).badTokens
    Add-Fault @{ match = '/backends/'; kind = 'latency'; ms = 350; times = 100 }
    Use-AzAccounts @{} {
        Use-Environment @{ AZAPIM_WINDOW = '1' } {
            1..20 | ForEach-Object { New-Backend $_ } | Reset-AzApiManagementBackendConnection
        }
        Assert-True ($global:AzStandIn.Asked.Count -ge 3) "tokens asked for: $($global:AzStandIn.Asked.Count)"
    }
    Assert-Equal (Get-Resets).status @(foreach ($n in 1..20) { 202 }) 'answers'
    Assert-Equal (Get-EmulatorStats).badTokens $bad 'tokens that were refused'
}

Test 'a 401 in the middle asks once for a new token and goes on' {
    Use-AzAccounts @{} {
        & {
            New-Backend 1
            Wait-Until { @(Get-Resets).Where({ $_.status -eq 202 }).Count -eq 1 } 'the first reset'
            $null = Invoke-Control POST tokens/expire
            New-Backend 2
            New-Backend 3
        } | Reset-AzApiManagementBackendConnection
        Assert-Equal $global:AzStandIn.Asked.Count 2 'tokens asked for'
    }
    Assert-Equal @((Get-Resets).status -eq 202).Count 3 'resets'
}

Test 'a second 401 ends the call clearly' {
    $end = [DateTimeOffset]::UtcNow.AddHours(1).ToUnixTimeSeconds()
    Use-AzAccounts @{ Token = @('a-token-that-nobody-issued', $end) } {
        $problem = Assert-Throws { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection }
        Assert-Equal $problem.CategoryInfo.Category 'AuthenticationError' 'category'
        Assert-NotContains "$($problem.Exception)" 'a-token-that-nobody-issued'
        Assert-True ($global:AzStandIn.Asked.Count -le 3) "tokens asked for: $($global:AzStandIn.Asked.Count)"
    }
    Assert-Equal @((Get-Resets).status -eq 202).Count 0 'resets'
}

Test 'a token that cannot be had ends the call with its reason' {
    Use-AzAccounts @{ Fails = 'Your session has ended. Run Connect-AzAccount.' } {
        $problem = Assert-Throws { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection }
        Assert-Error $problem AuthenticationFailed AuthenticationError
        Assert-Contains $problem.Exception.Message 'Run Connect-AzAccount'
    }
    Assert-Equal (Get-Resets) @() 'sent'
}

Test 'a token without text ends the call' {
    Use-AzAccounts @{ Token = @('', 0) } {
        $problem = Assert-Throws { New-Backend 1 | Reset-AzApiManagementBackendConnection }
        Assert-Error $problem AuthenticationFailed AuthenticationError
    }
}

Test 'loaded and not connected, it is passed over' {
    $null = Use-AzAccounts @{} { Get-AzAccessToken -ResourceUrl 'https://management.core.windows.net/' }
    Use-AzAccounts @{ Connected = $false } {
        Use-Environment @{ AZURE_RESOURCE_MANAGER_ENDPOINT = $env:TEST_ENDPOINT; AZURE_ACCESS_TOKEN = $global:AzStandIn.LastToken } {
            $problem = Assert-Throws { New-Backend 1 | Reset-AzApiManagementBackendConnection }
            Assert-Contains $problem.Exception.Message 'AZURE_ACCESS_TOKEN'
        }
        Assert-Equal $global:AzStandIn.Asked.Count 0 'tokens asked for'
    }
}

Test 'it is not asked for a token with -WhatIf' {
    Use-AzAccounts @{} {
        New-Backend 1 | Reset-AzApiManagementBackendConnection -WhatIf
        Assert-Equal $global:AzStandIn.Asked.Count 0 'tokens asked for'
    }
    Assert-Equal @(Get-Journal) @() 'sent'
}

Test 'it is found where a script module has imported it for itself' {
    [System.IO.File]::WriteAllText("$env:TEST_SCRATCH/Wrapper.psm1", "Import-Module '$folder/Az.Accounts.psm1'; function Reset-One { param(`$Backend) `$Backend | Reset-AzApiManagementBackendConnection }")
    Import-Module "$env:TEST_SCRATCH/Wrapper.psm1"
    try {
        $global:AzStandIn.Connected = $true
        $global:AzStandIn.Fails = 'it was asked'
        Assert-Equal (Get-Module Az.Accounts) $null 'what the session sees'
        Use-Environment @{ AZURE_RESOURCE_MANAGER_ENDPOINT = $env:TEST_ENDPOINT } {
            $problem = Assert-Throws { Reset-One (New-Backend 1) }
            Assert-Contains $problem.Exception.Message 'it was asked'
        }
    } finally {
        Remove-Module Wrapper
    }
}

Test 'it is never imported where it is not loaded' {
    $throwing = "$env:TEST_SCRATCH/throwing/Az.Accounts"
    $null = [System.IO.Directory]::CreateDirectory($throwing)
    [System.IO.File]::WriteAllText("$throwing/Az.Accounts.psm1", "[System.IO.File]::WriteAllText('$throwing/imported', ''); function Get-AzContext { throw 'called' }; function Get-AzAccessToken { throw 'called' }")
    $told = Invoke-Script "$Preamble
New-Backend 1 | Reset-AzApiManagementBackendConnection
(Get-Module).Name" @{ PSModulePath = "$env:TEST_SCRATCH/throwing$([System.IO.Path]::PathSeparator)$env:PSModulePath"; AZURE_RESOURCE_MANAGER_ENDPOINT = $env:TEST_ENDPOINT }
    Assert-True (-not [System.IO.File]::Exists("$throwing/imported")) 'it was not imported'
    Assert-NotContains $told.Output 'Az.Accounts'
    Assert-Contains $told.Errors 'AZURE_ACCESS_TOKEN'
}
