# JSON: what the engine says as PowerShell values, and what it is given as JSON.

class EngineJson {
    # The members of Az's credential and proxy objects. Objects of remote sessions have others besides, which are no settings.
    static [string[]] $Members = @('Certificate', 'Query', 'Header', 'Authorization', 'Scheme', 'Parameter', 'Url', 'ProxyCredentials', 'UserName', 'Password')

    # What stands in a buffer of the engine's, which is freed. Objects are hashtables.
    static [object] Take([type] $native, [IntPtr] $buffer) {
        $text = [System.Runtime.InteropServices.Marshal]::PtrToStringUTF8($native::apimbc_buffer_data($buffer), [int] $native::apimbc_buffer_length($buffer))
        $native::apimbc_buffer_free($buffer)
        $document = [System.Text.Json.JsonDocument]::Parse($text, [System.Text.Json.JsonDocumentOptions]::new())
        try {
            return [EngineJson]::Read($document.RootElement)
        } finally {
            $document.Dispose()
        }
    }

    static [object] Read([System.Text.Json.JsonElement] $json) {
        switch ($json.ValueKind) {
            'String' { return $json.GetString() }
            'True' { return $true }
            'False' { return $false }
            'Number' {
                [long] $number = 0
                if (-not $json.TryGetInt64([ref] $number)) { return $json.GetDouble() }
                if ($number -gt [int]::MaxValue -or $number -lt [int]::MinValue) { return $number }
                return [int] $number
            }
            'Array' {
                $values = [System.Collections.Generic.List[object]]::new()
                foreach ($value in $json.EnumerateArray()) { $values.Add([EngineJson]::Read($value)) }
                return $values.ToArray()
            }
            'Object' {
                $table = @{}
                foreach ($member in $json.EnumerateObject()) { $table[$member.Name] = [EngineJson]::Read($member.Value) }
                return $table
            }
        }
        return $null
    }

    # A value as JSON: text, numbers, dictionaries, collections, and Az's objects with the names that their members have. What
    # they do not have is null, which is as if left out. Only shapes are written: the engine checks them, and names what is wrong.
    static [string] Write([object] $value) {
        if ($null -eq $value) { return 'null' }
        # Unlike JsonEncodedText, it puts U+FFFD in the place of half a surrogate pair, as UTF-8 does, and does not throw.
        if ($value -is [string]) { return '"' + [System.Text.Encodings.Web.JavaScriptEncoder]::Default.Encode($value) + '"' }
        if ($value -is [bool]) { return "$value".ToLowerInvariant() }
        if ($value -is [int] -or $value -is [long]) { return "$value" }
        $parts = [System.Collections.Generic.List[string]]::new()
        if ($value -is [System.Collections.IEnumerable] -and $value -isnot [System.Collections.IDictionary]) {
            foreach ($one in $value) { $parts.Add([EngineJson]::Write($one)) }
            return '[' + [string]::Join(',', $parts) + ']'
        }
        if ($value -is [pscredential]) {
            # PSCredential.Empty has neither a user nor a password, and no network credential to read one from.
            $password = if ($null -ne $value.Password) { $value.GetNetworkCredential().Password }
            $value = @{ UserName = $value.UserName; Password = $password }
        }
        foreach ($name in $(if ($value -is [System.Collections.IDictionary]) { $value.psbase.Keys } else { [EngineJson]::Members })) {
            $member = Get-PropertyValue $value $name
            if ($name -eq 'Certificate' -and $member -is [string]) { $member = @(, $member) }
            $parts.Add([EngineJson]::Write([string] $name) + ':' + [EngineJson]::Write($member))
        }
        return '{' + [string]::Join(',', $parts) + '}'
    }
}

function ConvertTo-JsonBytes {
    param([object] $Value)

    , $script:Utf8.GetBytes([EngineJson]::Write($Value))
}

function Read-NativeJson {
    param([IntPtr] $Buffer)

    , [EngineJson]::Take($script:Native, $Buffer)
}

# The value of a property or of a dictionary's entry, or $null.
function Get-PropertyValue {
    param([object] $Object, [string] $Name)

    if ($Object -is [System.Collections.IDictionary]) {
        return , $Object[$Name]
    }
    $property = $Object.PSObject.Properties[$Name]
    if ($null -ne $property) {
        , $property.Value
    }
}
