# All interop with the engine: where the library lies, the P/Invoke methods that are emitted for it on first use, and the
# start of a session.
#
# Each kind of expression costs PowerShell about a millisecond the first time, and this runs before the first reset of
# a process: so there are few of them.

# The version of the C ABI that this module is written for (docs/abi.md).
$script:AbiVersion = 2

$script:Utf8 = [System.Text.Encoding]::UTF8
# What cannot stand in a JSON string as it is.
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
        # .NET's own build for musl says linux-musl-x64, Alpine's says alpine.3.21-x64.
        $runtime = [System.Runtime.InteropServices.RuntimeInformation]::RuntimeIdentifier
        $system = if ($runtime.StartsWith('linux-musl-', 'Ordinal') -or $runtime.StartsWith('alpine.', 'Ordinal')) { 'linux-musl' } else { 'linux' }
        "$script:Folder/runtimes/$system-$processor/native/libapim_backend_connection.so"
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
        , @('apimbc_item_describe', [int], @([byte[]], [long], [IntPtr[]], [IntPtr[]]))
        , @('apimbc_session_new', [int], @([byte[]], [long], [byte[]], [long], [IntPtr[]], [IntPtr[]]))
        , @('apimbc_session_submit', [int], @($handle, [byte[]], [long], [int]))
        , @('apimbc_session_finish', [int], @($handle))
        , @('apimbc_session_next', [int], @($handle, [int], [int[]], [long[]], [IntPtr[]]))
        , @('apimbc_session_progress', [int], @($handle, [IntPtr[]]))
        , @('apimbc_session_delivered', [int], @($handle, [long[]]))
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

# The whole environment, as NAME=value entries with NUL between them. It is handed to the engine because $env: is not the C
# environment on Unix.
function script:Get-EnvironmentBlock {
    $entries = foreach ($entry in [Environment]::GetEnvironmentVariables().GetEnumerator()) {
        "$($entry.Key)=$($entry.Value)"
    }
    , $script:Utf8.GetBytes([string]::Join("`0", $entries))
}

# Starts a session for a call and gives its handle. $Run gets what the events of the session need (EngineEvents.ps1).
function script:Start-EngineSession {
    param($Run, $Cmdlet, $Trace)

    $options = "{""successEvents"":false,""trace"":""$Trace"""
    # All: a script module may have imported it for itself, where this one does not see it.
    if (Get-Module -Name Az.Accounts -All) {
        Import-Rest
        $options += Get-AzAccountsOptions $Run
    }
    $bytes = $script:Utf8.GetBytes("$options}")
    $environment = Get-EnvironmentBlock
    $session = [IntPtr[]]::new(1)
    $problem = [IntPtr[]]::new(1)
    $native = $script:Native
    $status = $native::apimbc_session_new($bytes, $bytes.Length, $environment, $environment.Length, $session, $problem)
    [array]::Clear($environment)
    if ($status -ne 0) {
        Import-Rest
        Stop-OnEngineError $Cmdlet $status $problem[0]
    }
    $session[0]
}
