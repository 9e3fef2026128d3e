# Starting and ending an engine session. Like NativeLibrary.ps1 this is on the way of a process's first reset, so it has
# few kinds of expression.

# The variables that the engine reads, as NAME=value entries. They are handed to it because $env: is not the C
# environment on Unix. One that is not set is blank, which the engine takes as not set.
function script:Get-EnvironmentBlock {
    "AZURE_ACCESS_TOKEN=$env:AZURE_ACCESS_TOKEN`u{1}AZURE_SUBSCRIPTION_ID=$env:AZURE_SUBSCRIPTION_ID`u{1}" +
    "AZURE_RESOURCE_MANAGER_ENDPOINT=$env:AZURE_RESOURCE_MANAGER_ENDPOINT`u{1}AZURE_AUTHORITY_HOST=$env:AZURE_AUTHORITY_HOST`u{1}" +
    "AZURE_CLOUD=$env:AZURE_CLOUD`u{1}AZURE_TENANT_ID=$env:AZURE_TENANT_ID`u{1}AZURE_CLIENT_ID=$env:AZURE_CLIENT_ID`u{1}" +
    "AZURE_CLIENT_SECRET=$env:AZURE_CLIENT_SECRET`u{1}AZURE_CLIENT_CERTIFICATE_PATH=$env:AZURE_CLIENT_CERTIFICATE_PATH`u{1}" +
    "AZURE_CLIENT_CERTIFICATE_PASSWORD=$env:AZURE_CLIENT_CERTIFICATE_PASSWORD`u{1}" +
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=$env:AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`u{1}" +
    "AZURE_FEDERATED_TOKEN_FILE=$env:AZURE_FEDERATED_TOKEN_FILE`u{1}AZURE_TOKEN_CREDENTIALS=$env:AZURE_TOKEN_CREDENTIALS`u{1}" +
    "AZURE_POD_IDENTITY_AUTHORITY_HOST=$env:AZURE_POD_IDENTITY_AUTHORITY_HOST`u{1}AZURE_CONFIG_DIR=$env:AZURE_CONFIG_DIR`u{1}" +
    "AZD_CONFIG_DIR=$env:AZD_CONFIG_DIR`u{1}IDENTITY_ENDPOINT=$env:IDENTITY_ENDPOINT`u{1}IDENTITY_HEADER=$env:IDENTITY_HEADER`u{1}" +
    "IDENTITY_SERVER_THUMBPRINT=$env:IDENTITY_SERVER_THUMBPRINT`u{1}IMDS_ENDPOINT=$env:IMDS_ENDPOINT`u{1}" +
    "MSI_ENDPOINT=$env:MSI_ENDPOINT`u{1}MSI_SECRET=$env:MSI_SECRET`u{1}" +
    "AZAPIM_WINDOW=$env:AZAPIM_WINDOW`u{1}AZAPIM_TIMEOUT_SECONDS=$env:AZAPIM_TIMEOUT_SECONDS`u{1}AZAPIM_TRIES=$env:AZAPIM_TRIES`u{1}" +
    "HTTPS_PROXY=$env:HTTPS_PROXY`u{1}https_proxy=$env:https_proxy`u{1}ALL_PROXY=$env:ALL_PROXY`u{1}all_proxy=$env:all_proxy`u{1}" +
    "NO_PROXY=$env:NO_PROXY`u{1}no_proxy=$env:no_proxy`u{1}SSL_CERT_FILE=$env:SSL_CERT_FILE`u{1}SSL_CERT_DIR=$env:SSL_CERT_DIR`u{1}" +
    "PATH=$env:PATH`u{1}PATHEXT=$env:PATHEXT`u{1}HOME=$env:HOME`u{1}USERPROFILE=$env:USERPROFILE`u{1}SystemRoot=$env:SystemRoot`u{1}" +
    "ComSpec=$env:ComSpec`u{1}APPDATA=$env:APPDATA`u{1}LOCALAPPDATA=$env:LOCALAPPDATA`u{1}TEMP=$env:TEMP`u{1}TMP=$env:TMP`u{1}" +
    "TMPDIR=$env:TMPDIR`u{1}XDG_CONFIG_HOME=$env:XDG_CONFIG_HOME"
}

# The text as the inside of a JSON string, where U+0001 stands for NUL.
function script:ConvertTo-JsonBlock {
    param([string] $Text)

    if ($Text -cmatch '[\x00\x02-\x1f]') {
        return [System.Text.Json.JsonEncodedText]::Encode($Text).ToString().Replace('\u0001', '\u0000')
    }
    $Text.Replace('\', '\\').Replace('"', '\"').Replace("`u{1}", '\u0000')
}

# Starts a session for a call and gives its handle. $Run gets what the events of the session need (EngineEvents.ps1).
function script:Start-EngineSession {
    param($Run, $Cmdlet, $Trace)

    $options = "{""environmentBlock"":""$(ConvertTo-JsonBlock (Get-EnvironmentBlock))"",""successEvents"":false,""trace"":""$Trace"""
    if (Get-Module -Name Az.Accounts) {
        Import-Rest
        $options += Get-AzAccountsOptions $Run
    }
    $bytes = $script:Utf8.GetBytes("$options}")
    $session = [IntPtr[]]::new(1)
    $problem = [IntPtr[]]::new(1)
    $native = $script:Native
    $status = $native::apimbc_session_new($bytes, $bytes.Length, $session, $problem)
    [array]::Clear($bytes)
    if ($status -ne 0) {
        Import-Rest
        Stop-OnEngineError $Cmdlet $status $problem[0]
    }
    $session[0]
}
