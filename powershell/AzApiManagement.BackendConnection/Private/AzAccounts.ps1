# Az.Accounts, where the user has loaded it and is connected. It is never imported behind the user's back.

# Adds the session's options that come from the current context, and sets in the run the command for its tokens. Nothing where Az
# is not connected.
function Add-AzAccountsOptions {
    param($Run, [System.Collections.IDictionary] $Options)

    $module = @(Get-Module -Name Az.Accounts -All)[0]
    $getContext = $module.ExportedCommands['Get-AzContext']
    $getToken = $module.ExportedCommands['Get-AzAccessToken']
    if ($null -eq $getContext -or $null -eq $getToken) {
        return
    }
    # -DefaultProfile of a cmdlet that has it stands for the current context, here and for the tokens.
    $chosen = if ($null -ne $Run.DefaultProfile) { @{ DefaultProfile = $Run.DefaultProfile } } else { @{} }
    $context = @(& $getContext -ErrorAction Ignore @chosen)[0]
    if ($null -eq $context -or $null -eq (Get-PropertyValue $context 'Account')) {
        return
    }
    $Run.GetToken = $getToken
    $Options['credential'] = 'caller'
    foreach ($option in @('subscription', 'Subscription', 'Id'), @('tenant', 'Tenant', 'Id'), @('endpoint', 'Environment', 'ResourceManagerUrl'),
        @('audience', 'Environment', 'ActiveDirectoryServiceEndpointResourceId')) {
        $part = Get-PropertyValue $context $option[1]
        $value = if ($null -ne $part) { [string] (Get-PropertyValue $part $option[2]) }
        if (-not [string]::IsNullOrWhiteSpace($value)) {
            $Options[$option[0]] = $value
        }
    }
}

# Answers a token request of the engine's with Get-AzAccessToken of any version.
function Send-AzAccountsToken {
    param($Run, [long] $Number, [hashtable] $Request)

    $native = $script:Native
    try {
        $result = Get-AzAccountsToken $Run $Request
        # A SecureString since Az.Accounts 5, plain text before.
        $token = Get-PropertyValue $result 'Token'
        $bytes = if ($token -is [securestring]) { Get-SecureBytes $token } else { $script:Utf8.GetBytes([string] $token) }
        if ($null -eq $bytes -or $bytes.Length -eq 0) {
            throw 'Get-AzAccessToken gave no token.'
        }
        $expires = Get-PropertyValue $result 'ExpiresOn'
        if ($expires -is [datetime]) {
            $expires = [DateTimeOffset]::new($expires.ToUniversalTime())
        }
        $seconds = if ($expires -is [DateTimeOffset]) { $expires.ToUnixTimeSeconds() } else { 0 }
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

function Get-AzAccountsToken {
    param($Run, [hashtable] $Request)

    # Versions before 5 warn at each call that the token will be a SecureString, some of them also where one is asked for.
    $arguments = @{ ResourceUrl = $Request['audience']; ErrorAction = 'Stop'; WarningAction = 'SilentlyContinue' }
    if ($Run.GetToken.Parameters.ContainsKey('AsSecureString')) {
        $arguments['AsSecureString'] = $true
    }
    $tenant = $Request['tenant']
    if ($null -ne $tenant -and $Run.GetToken.Parameters.ContainsKey('TenantId')) {
        $arguments['TenantId'] = $tenant
    }
    if ($null -ne $Run.DefaultProfile) {
        $arguments['DefaultProfile'] = $Run.DefaultProfile
    }
    $getToken = $Run.GetToken
    @(& $getToken @arguments)[0]
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
