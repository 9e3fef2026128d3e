# Emulator: {"subscriptions":3}
#
# -DefaultProfile of Get-AzApiManagementBackend: the Az context of this one call. A stand-in with the names and shapes of Az.Accounts
# takes its place; a context of it is good for one subscription.

. "$PSScriptRoot/Setup.ps1"

Import-Module AzApiManagement.Standalone

$context = New-Context
$command = 'Get-AzApiManagementBackend'

# The stand-in's current context, and what it was asked for tokens.
$global:AzStandIn = @{ Current = $null; Asked = [System.Collections.Generic.List[object]]::new() }

$folder = "$env:TEST_SCRATCH/modules/Az.Accounts"
$null = [System.IO.Directory]::CreateDirectory($folder)
[System.IO.File]::WriteAllText("$folder/Az.Accounts.psm1", @'
function Get-AzContext {
    [CmdletBinding()]
    param($DefaultProfile)

    if ($DefaultProfile) { $DefaultProfile } else { $global:AzStandIn.Current }
}

function Get-AzAccessToken {
    [CmdletBinding()]
    param([string] $ResourceUrl, [string] $TenantId, $DefaultProfile)

    $global:AzStandIn.Asked.Add($DefaultProfile)
    $token = [securestring]::new()
    foreach ($character in 'token-of-the-stand-in'.ToCharArray()) { $token.AppendChar($character) }
    [pscustomobject] @{ Token = $token; ExpiresOn = [DateTimeOffset]::UtcNow.AddHours(1) }
}

Export-ModuleMember -Function Get-AzContext, Get-AzAccessToken
'@)

function New-AzStandInContext {
    param([int] $Subscription)

    [pscustomobject] @{
        Account      = [pscustomobject] @{ Id = 'someone@contoso.com' }
        Subscription = [pscustomobject] @{ Id = "00000000-0000-0000-0000-$($Subscription.ToString('d12'))" }
        Tenant       = [pscustomobject] @{ Id = '11111111-1111-1111-1111-111111111111' }
        Environment  = [pscustomobject] @{ ResourceManagerUrl = "$env:AZURE_RESOURCE_MANAGER_ENDPOINT/"; ActiveDirectoryServiceEndpointResourceId = 'https://management.core.windows.net/' }
    }
}

# Runs a block with the stand-in loaded, and connected to the second subscription.
function Use-AzAccounts {
    param([scriptblock] $Body)

    $global:AzStandIn.Current = New-AzStandInContext 2
    $global:AzStandIn.Asked.Clear()
    Import-Module "$folder/Az.Accounts.psm1" -Global
    try {
        & $Body
    } finally {
        Remove-Module Az.Accounts
    }
}

Test 'without it the current context is used' {
    Use-AzAccounts {
        Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 1).Id (Get-BackendResourceId 1 2) 'backend'
        Assert-Equal @($global:AzStandIn.Asked) @($null) 'profile that a token was asked with'
    }
}

Test 'it stands for the current context, for the subscription and for the token' {
    Use-AzAccounts {
        $other = New-AzStandInContext 3
        Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 1 -DefaultProfile $other).Id (Get-BackendResourceId 1 3) 'backend'
        Assert-Equal $global:AzStandIn.Asked.Count 1 'tokens asked for'
        Assert-True ([object]::ReferenceEquals($global:AzStandIn.Asked[0], $other)) 'the token is asked for with that profile'
        # For that call alone.
        Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 1).Id (Get-BackendResourceId 1 2) 'backend of the next call'
    }
}

Test 'its aliases are those of Az' {
    Use-AzAccounts {
        $other = New-AzStandInContext 3
        Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 1 -AzContext $other).Id (Get-BackendResourceId 1 3) '-AzContext'
        Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 1 -AzureRmContext $other).Id (Get-BackendResourceId 1 3) '-AzureRmContext'
        Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 1 -AzureCredential $other).Id (Get-BackendResourceId 1 3) '-AzureCredential'
    }
}

Test 'a resource id keeps its own subscription' {
    Use-AzAccounts {
        Assert-Equal (Get-AzApiManagementBackend -ResourceId (Get-BackendResourceId 1 1) -DefaultProfile (New-AzStandInContext 3)).Id (Get-BackendResourceId 1 1) 'backend'
    }
}

Test 'an Az context that is not connected is an error' {
    Use-AzAccounts {
        $problem = Assert-Throws { Get-AzApiManagementBackend -Context $context -DefaultProfile ([pscustomobject] @{ Account = $null }) }
        Assert-Error $problem InvalidDefaultProfile InvalidArgument $command
        Assert-Equal $global:AzStandIn.Asked.Count 0 'tokens asked for'
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'without Az.Accounts it is an error, told once' {
    $rows = [pscustomobject] @{ BackendId = '1' }, [pscustomobject] @{ BackendId = '2' }
    $problem = Assert-Throws { $rows | Get-AzApiManagementBackend -Context $context -DefaultProfile 'any' }
    Assert-Error $problem InvalidDefaultProfile InvalidArgument $command
    Assert-Equal $problem.TargetObject 'any' 'target of the error'
    Assert-Contains $problem.Exception.Message 'Connect-AzAccount'
    Assert-Equal (Get-Journal) @() 'sent'
    Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 1).BackendId '1' 'backend of the next call'
}

Test 'null is as good as left out' {
    Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 1 -DefaultProfile $null).BackendId '1' 'backend'
}
