# Where the native library lies, and the P/Invoke methods that are emitted for it on first use.
#
# Each kind of expression costs PowerShell about a millisecond the first time, and this runs before the first reset of
# a process: so there are few of them.

# The version of the C ABI that this module is written for (docs/abi.md).
$script:AbiVersion = 2

# The folder of the main module, also where another module has read this file.
$script:Folder = $PSScriptRoot
$script:Utf8 = [System.Text.Encoding]::UTF8

function Get-NativeLibraryPath {
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

# The type whose static methods are the engine's functions. It is emitted once for all runspaces of the process. A library that
# cannot be used ends the call.
function Get-NativeType {
    param($Cmdlet)

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
        $Cmdlet.ThrowTerminatingError((New-LibraryError $path $_.Exception.GetBaseException()))
    }
    if ($found -ne $script:AbiVersion) {
        $Cmdlet.ThrowTerminatingError((New-LibraryError $path $null $found))
    }
    [AppDomain]::CurrentDomain.SetData($key, $type)
    $type
}

# Emits a static class with a P/Invoke method for each function. Every supported system is 64-bit, so size_t is an Int64;
# unsigned 32-bit values go as Int32. Arrays of one element stand for outputs: they are pinned, so nothing is copied.
function New-NativeType {
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
