# Az.Accounts, where the user has loaded it and is connected. It is never imported behind the user's back.

# The current context's subscription, tenant and endpoint, and the command that gives its tokens; $null without Az.
function Get-AzAccountsContext {
    $module = Get-Module -Name Az.Accounts
    if ($null -eq $module) {
        return
    }
    $module = @($module)[0]
    $getContext = $module.ExportedCommands['Get-AzContext']
    $getToken = $module.ExportedCommands['Get-AzAccessToken']
    if ($null -eq $getContext -or $null -eq $getToken) {
        return
    }
    $context = @(& $getContext -ErrorAction Ignore)[0]
    if ($null -eq $context -or $null -eq (Get-PropertyValue $context 'Account')) {
        return
    }
    $subscription = Get-PropertyValue $context 'Subscription'
    $tenant = Get-PropertyValue $context 'Tenant'
    $cloud = Get-PropertyValue $context 'Environment'
    @{
        Subscription = if ($null -ne $subscription) { [string] (Get-PropertyValue $subscription 'Id') }
        Tenant       = if ($null -ne $tenant) { [string] (Get-PropertyValue $tenant 'Id') }
        Endpoint     = if ($null -ne $cloud) { [string] (Get-PropertyValue $cloud 'ResourceManagerUrl') }
        Audience     = if ($null -ne $cloud) { [string] (Get-PropertyValue $cloud 'ActiveDirectoryServiceEndpointResourceId') }
        GetToken     = $getToken
    }
}

# Answers a token request of the engine's, from Get-AzAccessToken of any version: the token is a SecureString since
# Az.Accounts 5 and was plain text before.
function Send-AzAccountsToken {
    param([hashtable] $Run, [long] $Number, [System.Text.Json.JsonElement] $Request)

    $native = $Run.Native
    try {
        $arguments = @{ ResourceUrl = Get-JsonText $Request 'audience'; ErrorAction = 'Stop' }
        $tenant = Get-JsonText $Request 'tenant'
        if ($null -ne $tenant) {
            $arguments['TenantId'] = $tenant
        }
        $getToken = $Run.Az.GetToken
        $result = @(& $getToken @arguments)[0]
        $token = Get-PropertyValue $result 'Token'
        $bytes = if ($token -is [securestring]) {
            Get-SecureBytes $token
        } else {
            $script:Utf8.GetBytes([string] $token)
        }
        if ($null -eq $bytes -or $bytes.Length -eq 0) {
            throw 'Get-AzAccessToken gave no token.'
        }
        $expires = Get-PropertyValue $result 'ExpiresOn'
        $seconds = if ($expires -is [DateTimeOffset]) {
            $expires.ToUnixTimeSeconds()
        } elseif ($expires -is [datetime]) {
            [DateTimeOffset]::new($expires.ToUniversalTime()).ToUnixTimeSeconds()
        } else {
            0
        }
        try {
            $null = $native::apimbc_session_answer_token($Run.Session, $Number, $bytes, $bytes.Length, $seconds)
        } finally {
            [array]::Clear($bytes)
        }
    } catch [System.Management.Automation.PipelineStoppedException] {
        throw
    } catch {
        $reason = $script:Utf8.GetBytes($_.Exception.Message)
        $null = $native::apimbc_session_refuse_token($Run.Session, $Number, $reason, $reason.Length)
    }
}

# The text of a SecureString as UTF-8, with no managed string made of it; the caller clears the bytes.
function Get-SecureBytes {
    param([securestring] $Secure)

    $pointer = [System.Runtime.InteropServices.Marshal]::SecureStringToGlobalAllocUnicode($Secure)
    $characters = [char[]]::new($Secure.Length)
    try {
        [System.Runtime.InteropServices.Marshal]::Copy($pointer, $characters, 0, $characters.Length)
        , $script:Utf8.GetBytes($characters)
    } finally {
        [array]::Clear($characters)
        [System.Runtime.InteropServices.Marshal]::ZeroFreeGlobalAllocUnicode($pointer)
    }
}
