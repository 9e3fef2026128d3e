# All interop with the engine: where the library lies, the P/Invoke methods that are emitted for it on first use, and the
# start of a session.
#
# Each kind of expression costs PowerShell about a millisecond the first time, and this runs before the first reset of
# a process: so there are few of them.

# The version of the C ABI that this module is written for (docs/abi.md).
$script:AbiVersion = 1

$script:Utf8 = [System.Text.Encoding]::UTF8
# What cannot stand in a JSON string as it is; of a block of variables, U+0001 is the separator and the rest is replaced.
$script:Controls = "`0`u{2}`u{3}`u{4}`u{5}`u{6}`u{7}`u{8}`u{9}`u{a}`u{b}`u{c}`u{d}`u{e}`u{f}`u{10}`u{11}`u{12}`u{13}`u{14}`u{15}`u{16}`u{17}`u{18}`u{19}`u{1a}`u{1b}`u{1c}`u{1d}`u{1e}`u{1f}".ToCharArray()
$script:Quoted = "`0`u{1}`u{2}`u{3}`u{4}`u{5}`u{6}`u{7}`u{8}`u{9}`u{a}`u{b}`u{c}`u{d}`u{e}`u{f}`u{10}`u{11}`u{12}`u{13}`u{14}`u{15}`u{16}`u{17}`u{18}`u{19}`u{1a}`u{1b}`u{1c}`u{1d}`u{1e}`u{1f}""\".ToCharArray()

function script:Get-NativeLibraryPath {
    if ($env:AZAPIM_NATIVE_LIBRARY) {
        return $env:AZAPIM_NATIVE_LIBRARY
    }
    $processor = if ([System.Runtime.InteropServices.RuntimeInformation]::ProcessArchitecture -eq 'Arm64') { 'arm64' } else { 'x64' }
    if ($IsWindows) {
        "$script:Folder\runtimes\win-$processor\native\apim_backend_connection.dll"
    } elseif ($IsMacOS) {
        "$script:Folder/runtimes/osx-$processor/native/libapim_backend_connection.dylib"
    } else {
        "$script:Folder/runtimes/linux-$processor/native/libapim_backend_connection.so"
    }
}

# The type whose static methods are the engine's functions. It is emitted once for all runspaces of the process.
function script:Get-NativeType {
    $path = Get-NativeLibraryPath
    $key = "AzApiManagement.BackendConnection:$path"
    $type = [AppContext]::GetData($key)
    if ($null -ne $type) {
        return $type
    }
    $type = New-NativeType $path
    try {
        $found = $type::apimbc_abi_version()
    } catch {
        Import-Rest
        throw (New-LibraryError $path $_.Exception.GetBaseException())
    }
    if ($found -ne $script:AbiVersion) {
        Import-Rest
        throw (New-LibraryError $path $null $found)
    }
    [AppDomain]::CurrentDomain.SetData($key, $type)
    $type
}

# Emits a static class with a P/Invoke method for each function. Every supported system is 64-bit, so size_t is an Int64;
# unsigned 32-bit values go as Int32. Arrays of one element stand for outputs: they are pinned, so nothing is copied.
function script:New-NativeType {
    param($Path)

    $handle = [IntPtr]
    $functions = @(
        , @('apimbc_abi_version', [int], @())
        , @('apimbc_buffer_data', $handle, @($handle))
        , @('apimbc_buffer_length', [long], @($handle))
        , @('apimbc_buffer_free', [void], @($handle))
        , @('apimbc_item_check', [int], @([byte[]], [long], [IntPtr[]]))
        , @('apimbc_session_new', [int], @([byte[]], [long], [IntPtr[]], [IntPtr[]]))
        , @('apimbc_session_submit', [int], @($handle, [byte[]], [long], [int]))
        , @('apimbc_session_finish', [int], @($handle))
        , @('apimbc_session_next', [int], @($handle, [int], [int[]], [long[]], [IntPtr[]]))
        , @('apimbc_session_progress', [int], @($handle, [long[]], [long]))
        , @('apimbc_session_answer_token', [int], @($handle, [long], [byte[]], [long], [long]))
        , @('apimbc_session_refuse_token', [int], @($handle, [long], [byte[]], [long]))
        , @('apimbc_session_cancel', [int], @($handle))
        , @('apimbc_session_free', [void], @($handle))
    )
    $assembly = [System.Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly('AzApiManagement.BackendConnection.Native', 'Run')
    $builder = $assembly.DefineDynamicModule('Native').DefineType('AzApiManagement.BackendConnection.Native', 'Public, Abstract, Sealed')
    foreach ($function in $functions) {
        $name, $returns, $takes = $function
        $builder.DefinePInvokeMethod($name, $Path, 'Public, Static, PinvokeImpl', 'Standard', $returns, [type[]] $takes, 'Cdecl', 'Ansi').SetImplementationFlags('PreserveSig')
    }
    $builder.CreateType()
}

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

    if ($Text.IndexOfAny($script:Controls) -ge 0) {
        return [System.Text.Encodings.Web.JavaScriptEncoder]::Default.Encode($Text).Replace('\u0001', '\u0000')
    }
    $Text.Replace('\', '\\').Replace('"', '\"').Replace("`u{1}", '\u0000')
}

# Starts a session for a call and gives its handle. $Run gets what the events of the session need (EngineEvents.ps1).
function script:Start-EngineSession {
    param($Run, $Cmdlet, $Trace)

    $options = "{""environmentBlock"":""$(ConvertTo-JsonBlock (Get-EnvironmentBlock))"",""successEvents"":false,""trace"":""$Trace"""
    # All: a script module may have imported it for itself, where this one does not see it.
    if (Get-Module -Name Az.Accounts -All) {
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
