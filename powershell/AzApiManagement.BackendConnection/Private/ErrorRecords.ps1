# Error records, from the engine's error JSON (docs/abi.md, "Error") or from what the module itself finds.

function script:New-PlainErrorRecord {
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
function script:New-NotBoundRecord {
    param([object] $Piped)

    $text = "The input object cannot be bound to any parameters of the command: it is a $($Piped.PSObject.TypeNames[0]). " +
        'Pipe a PsApiManagementBackend, or an object with properties that are named as the parameters are.'
    New-PlainErrorRecord 'InputObjectNotBound' InvalidArgument $text $Piped
}

function script:Get-JsonText {
    param([System.Text.Json.JsonElement] $Json, [string] $Name)

    foreach ($member in $Json.EnumerateObject()) {
        if ($member.NameEquals($Name) -and $member.Value.ValueKind -ne 'Null') {
            return $member.Value.ToString()
        }
    }
}

# An error record of an engine's error.
function script:New-EngineErrorRecord {
    param([System.Text.Json.JsonElement] $Json, [object] $Target)

    $code = Get-JsonText $Json 'code'
    $message = (Get-JsonText $Json 'text').Replace("`n", [Environment]::NewLine)
    if ($Target -is [System.Collections.IList]) {
        $message += " $($Target.Count) objects were given as one -InputObject; pipe them in."
    }
    $category = [System.Management.Automation.ErrorCategory]::NotSpecified
    $null = [Enum]::TryParse((Get-JsonText $Json 'category'), [ref] $category)
    $exception = if ($category -eq 'InvalidArgument') {
        [ArgumentException]::new($message)
    } elseif ($category -eq 'OperationTimeout') {
        [TimeoutException]::new($message)
    } else {
        [Exception]::new($message)
    }
    foreach ($member in $Json.GetProperty('data').EnumerateObject()) {
        $value = $member.Value
        $exception.Data[$member.Name] = switch ($value.ValueKind) {
            'String' { $value.GetString() }
            'Number' { $value.GetInt32() }
            default { $value.GetBoolean() }
        }
    }
    [System.Management.Automation.ErrorRecord]::new($exception, $code, $category, $Target)
}

# What is wrong with the native library: it is missing, cannot be loaded, or is another version's.
function script:New-LibraryError {
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
