# Errors, from the engine's JSON (docs/abi.md, "Error") or from what the module itself finds.

function New-PlainErrorRecord {
    param(
        [string] $Id,
        [System.Management.Automation.ErrorCategory] $Category,
        [string] $Message,
        [object] $Target,
        [Exception] $Inner
    )
    $exception = if ($Category -eq 'InvalidArgument') {
        [ArgumentException]::new($Message, $Inner)
    } else {
        [InvalidOperationException]::new($Message, $Inner)
    }
    [System.Management.Automation.ErrorRecord]::new($exception, $Id, $Category, $Target)
}

# What PowerShell's binder says of a piped object that fits no parameter.
function New-NotBoundRecord {
    param([object] $Piped)

    $text = "The input object cannot be bound to any parameters of the command: it is a $($Piped.PSObject.TypeNames[0]). " +
        'Pipe a PsApiManagementBackend, or an object with properties that are named as the parameters are.'
    New-PlainErrorRecord 'InputObjectNotBound' InvalidArgument $text $Piped
}

# What is wrong with a row that has a backend's Id and settings besides.
function New-AmbiguousCopyRecord {
    param([object] $Piped)

    $text = "The object has the Id of a backend, '$($Piped.Id)', and settings: they may be a copy of the backend's own or changes. " +
        'Pipe the backend itself to reset it as it is, or leave the Id out to change its settings.'
    New-PlainErrorRecord 'AmbiguousInput' InvalidArgument $text $Piped
}

# Writes an error under the calling script's preference: the cmdlet's own scope has another (see its begin).
function Write-CallerError {
    param([System.Management.Automation.PSCmdlet] $Cmdlet, [System.Management.Automation.ErrorRecord] $Record)

    $ErrorActionPreference = $Cmdlet.GetVariableValue('ErrorActionPreference', 'Continue')
    $Cmdlet.WriteError($Record)
}

# An error record of an engine's error: its text, which has the lines of Az's messages, and its data.
function New-EngineErrorRecord {
    param([hashtable] $Json, [object] $Target)

    $message = $Json['text']
    if ($Target -is [System.Collections.IList]) {
        $message += " $($Target.Count) objects were given as one -InputObject; pipe them in."
    }
    $exception = switch ($Json['category']) {
        'InvalidArgument' { [ArgumentException]::new($message) }
        'OperationTimeout' { [TimeoutException]::new($message) }
        default { [Exception]::new($message) }
    }
    foreach ($entry in $Json['data'].GetEnumerator()) {
        $exception.Data[$entry.Key] = $entry.Value
    }
    [System.Management.Automation.ErrorRecord]::new($exception, $Json['code'], [System.Management.Automation.ErrorCategory] $Json['category'], $Target)
}

# What is wrong with the native library: it is missing, cannot be loaded, or is another version's.
function New-LibraryError {
    param([string] $Path, [Exception] $Reason, [object] $Version)

    $id = 'NativeLibraryMismatch'
    $category = [System.Management.Automation.ErrorCategory]::ResourceUnavailable
    if ($null -ne $Version) {
        $text = "The library '$Path' has ABI version $Version; this module needs version $script:AbiVersion. Install the module anew, and unset AZAPIM_NATIVE_LIBRARY if it is set."
    } elseif ($Reason -is [System.EntryPointNotFoundException]) {
        $text = "The library '$Path' is not the engine of this module. Install the module anew, and unset AZAPIM_NATIVE_LIBRARY if it is set."
    } elseif (-not [System.IO.File]::Exists($Path)) {
        $id = 'NativeLibraryNotFound'
        $category = [System.Management.Automation.ErrorCategory]::ObjectNotFound
        $text = "The engine of this module is not at '$Path'. Install a package of the module that has a library for this system (runtimes/<system>-<processor>/native), or name the library in AZAPIM_NATIVE_LIBRARY."
    } else {
        $id = 'NativeLibraryNotFound'
        # Of a library with an absolute path, a P/Invoke method does not tell what the system said of it.
        try {
            [System.Runtime.InteropServices.NativeLibrary]::Free([System.Runtime.InteropServices.NativeLibrary]::Load($Path))
        } catch {
            $Reason = $_.Exception.GetBaseException()
        }
        $text = "The library '$Path' cannot be loaded. Install the package of the module for this system and processor, and unset AZAPIM_NATIVE_LIBRARY if it is set. The system says: $($Reason.Message)"
    }
    New-PlainErrorRecord $id $category $text $Path $Reason
}
