# All interop with the engine: where the library lies, and the P/Invoke methods that are emitted for it on first use.

# The version of the C ABI that this module is written for (docs/abi.md).
$script:AbiVersion = 1

# The process-wide place where the emitted type is kept, so that every runspace of the process shares it.
$script:NativeTypeKey = 'AzApiManagement.BackendConnection.Native:'

function Get-NativeLibraryPath {
    $variable = [Environment]::GetEnvironmentVariable('AZAPIM_NATIVE_LIBRARY')
    if (-not [string]::IsNullOrWhiteSpace($variable)) {
        return $variable
    }
    $architecture = [System.Runtime.InteropServices.RuntimeInformation]::ProcessArchitecture.ToString().ToLowerInvariant()
    $os, $file = if ($IsWindows) {
        'win', 'apim_backend_connection.dll'
    } elseif ($IsMacOS) {
        'osx', 'libapim_backend_connection.dylib'
    } else {
        'linux', 'libapim_backend_connection.so'
    }
    $folder = [System.IO.Path]::GetDirectoryName($PSScriptRoot)
    [System.IO.Path]::Combine($folder, 'runtimes', "$os-$architecture", 'native', $file)
}

# The type whose static methods are the engine's functions. Throws an ErrorRecord's exception when there is none.
function Get-NativeType {
    param([System.Management.Automation.PSCmdlet] $Cmdlet)

    $path = Get-NativeLibraryPath
    $key = $script:NativeTypeKey + $path
    $known = [AppDomain]::CurrentDomain.GetData($key)
    if ($null -ne $known) {
        return $known
    }
    if (-not [System.IO.File]::Exists($path)) {
        $text = "The engine of this module is not at '$path'. Install a package of the module that has a library for this " +
            'system (runtimes/<os>-<processor>/native), or name the library in AZAPIM_NATIVE_LIBRARY.'
        $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord 'NativeLibraryNotFound' ObjectNotFound $text $path))
    }
    $type = New-NativeType ([System.IO.Path]::GetFullPath($path))
    try {
        $found = $type::apimbc_abi_version()
    } catch {
        $reason = $_.Exception.GetBaseException()
        $id, $text = if ($reason -is [System.EntryPointNotFoundException]) {
            'NativeLibraryMismatch', "The library '$path' is not the engine of this module. Install the module anew."
        } else {
            'NativeLibraryNotFound', "The library '$path' cannot be loaded: $($reason.Message) It must be built for this system and processor."
        }
        $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord $id ResourceUnavailable $text $path $reason))
    }
    if ($found -ne $script:AbiVersion) {
        $text = "The library '$path' has ABI version $found; this module needs $($script:AbiVersion). Install the module anew, and unset " +
            'AZAPIM_NATIVE_LIBRARY if it is set.'
        $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord 'NativeLibraryMismatch' ResourceUnavailable $text $path))
    }
    [AppDomain]::CurrentDomain.SetData($key, $type)
    $type
}

# Emits a static class with a P/Invoke method for each function. Every supported system is 64-bit, so size_t is an Int64;
# unsigned 32-bit values go as Int32. Arrays of one element stand for outputs: they are pinned, so nothing is copied.
function New-NativeType {
    param([string] $Path)

    $functions = [ordered]@{
        apimbc_abi_version          = [int], @()
        apimbc_buffer_data          = [IntPtr], @([IntPtr])
        apimbc_buffer_length        = [long], @([IntPtr])
        apimbc_buffer_free          = [void], @([IntPtr])
        apimbc_item_check           = [int], @([byte[]], [long], [IntPtr[]])
        apimbc_session_new          = [int], @([byte[]], [long], [IntPtr[]], [IntPtr[]])
        apimbc_session_submit       = [int], @([IntPtr], [byte[]], [long], [int])
        apimbc_session_finish       = [int], @([IntPtr])
        apimbc_session_next         = [int], @([IntPtr], [int], [int[]], [long[]], [IntPtr[]])
        apimbc_session_progress     = [int], @([IntPtr], [long[]], [long])
        apimbc_session_answer_token = [int], @([IntPtr], [long], [byte[]], [long], [long])
        apimbc_session_refuse_token = [int], @([IntPtr], [long], [byte[]], [long])
        apimbc_session_cancel       = [int], @([IntPtr])
        apimbc_session_free         = [void], @([IntPtr])
    }
    $name = [System.Reflection.AssemblyName]::new('AzApiManagement.BackendConnection.Native')
    $assembly = [System.Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly($name, [System.Reflection.Emit.AssemblyBuilderAccess]::Run)
    $builder = $assembly.DefineDynamicModule('Native').DefineType(
        'AzApiManagement.BackendConnection.Native', [System.Reflection.TypeAttributes] 'Public, Abstract, Sealed')
    foreach ($function in $functions.GetEnumerator()) {
        $returns, $takes = $function.Value
        $method = $builder.DefinePInvokeMethod(
            $function.Key, $Path, [System.Reflection.MethodAttributes] 'Public, Static, PinvokeImpl',
            [System.Reflection.CallingConventions]::Standard, $returns, [type[]] $takes,
            [System.Runtime.InteropServices.CallingConvention]::Cdecl, [System.Runtime.InteropServices.CharSet]::Ansi)
        $method.SetImplementationFlags([System.Reflection.MethodImplAttributes]::PreserveSig)
    }
    $builder.CreateType()
}

# Reads and frees a buffer of the engine's.
function Read-NativeBuffer {
    param([type] $Native, [IntPtr] $Buffer)

    $length = $Native::apimbc_buffer_length($Buffer)
    $text = [System.Runtime.InteropServices.Marshal]::PtrToStringUTF8($Native::apimbc_buffer_data($Buffer), [int] $length)
    $Native::apimbc_buffer_free($Buffer)
    $text
}
