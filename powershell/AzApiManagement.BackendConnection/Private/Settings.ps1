# The settings to change, from the shapes that Az's cmdlets give (or custom objects of the same shape) to the engine's JSON.
# Only shapes are read here; the engine checks what they say.

function script:ConvertTo-JsonString {
    param([string] $Text)

    # Unlike JsonEncodedText, it does not throw at half of a surrogate pair, but puts U+FFFD in its place as UTF-8 does.
    '"' + [System.Text.Encodings.Web.JavaScriptEncoder]::Default.Encode($Text) + '"'
}

# The value of a property under any of its names, or $null. Works on .NET objects, custom objects and hashtables alike.
function script:Get-PropertyValue {
    param([object] $Object, [string[]] $Name)

    foreach ($one in $Name) {
        if ($Object -is [System.Collections.IDictionary]) {
            if ($Object.Contains($one)) {
                return , $Object[$one]
            }
            continue
        }
        $property = $Object.PSObject.Properties[$one]
        if ($null -ne $property) {
            return , $property.Value
        }
    }
}

function script:New-InvalidSetting {
    param([string] $Id, [string] $Message)

    New-PlainErrorRecord $Id InvalidArgument $Message $null
}

# Reads a hashtable of name to values, as Query and Header of a credential are.
function script:ConvertTo-ValuesJson {
    param([object] $Values, [string] $What)

    if ($Values -isnot [System.Collections.IDictionary]) {
        throw (New-InvalidSetting 'InvalidCredential' "$What of the credential is of type $($Values.GetType().Name). Use a hashtable of name to string array.")
    }
    $members = foreach ($entry in $Values.GetEnumerator()) {
        $texts = foreach ($value in $entry.Value) {
            if ($value -isnot [string]) {
                $type = if ($null -eq $value) { 'null' } else { $value.GetType().Name }
                throw (New-InvalidSetting 'InvalidCredential' "$What '$($entry.Key)' of the credential has a value of type $type. Use a string or an array of strings.")
            }
            ConvertTo-JsonString $value
        }
        (ConvertTo-JsonString ([string] $entry.Key)) + ':[' + [string]::Join(',', @($texts)) + ']'
    }
    '{' + [string]::Join(',', @($members)) + '}'
}

function script:ConvertTo-CredentialJson {
    param([object] $Credential)

    $members = [System.Collections.Generic.List[string]]::new()
    $certificates = Get-PropertyValue $Credential 'Certificate'
    if ($null -ne $certificates) {
        $texts = foreach ($certificate in $certificates) {
            if ($certificate -isnot [string]) {
                throw (New-InvalidSetting 'InvalidCredential' 'A certificate of the credential is not a string. Use thumbprints or certificate ids.')
            }
            ConvertTo-JsonString $certificate
        }
        $members.Add('"certificate":[' + [string]::Join(',', @($texts)) + ']')
    }
    foreach ($what in 'Query', 'Header') {
        $values = Get-PropertyValue $Credential $what
        if ($null -ne $values) {
            $members.Add('"' + $what.ToLowerInvariant() + '":' + (ConvertTo-ValuesJson $values $what))
        }
    }
    $authorization = Get-PropertyValue $Credential 'Authorization'
    if ($null -ne $authorization) {
        $parts = foreach ($part in 'Scheme', 'Parameter') {
            $value = Get-PropertyValue $authorization $part
            if ($null -ne $value -and $value -isnot [string]) {
                throw (New-InvalidSetting 'InvalidCredential' "The $($part.ToLowerInvariant()) of the credential's authorization header is not a string.")
            }
            '"' + $part.ToLowerInvariant() + '":' + (ConvertTo-JsonString ([string] $value))
        }
        $members.Add('"authorization":{' + [string]::Join(',', $parts) + '}')
    }
    '{' + [string]::Join(',', $members) + '}'
}

function script:ConvertTo-ProxyJson {
    param([object] $Proxy)

    $url = Get-PropertyValue $Proxy 'Url'
    $members = [System.Collections.Generic.List[string]]::new()
    $members.Add('"url":' + (ConvertTo-JsonString ([string] $url)))
    $user = [string] (Get-PropertyValue $Proxy 'UserName')
    $password = [string] (Get-PropertyValue $Proxy 'Password')
    $credential = Get-PropertyValue $Proxy 'ProxyCredentials', 'ProxyCredential'
    if ($null -ne $credential) {
        if ($credential -isnot [pscredential]) {
            throw (New-InvalidSetting 'InvalidProxy' "ProxyCredentials of the proxy is of type $($credential.GetType().Name). Use a PSCredential (Get-Credential).")
        }
        $user = $credential.UserName
        # PSCredential.Empty has neither a user nor a password, and no network credential to read one from.
        $password = if ($null -ne $credential.Password) { $credential.GetNetworkCredential().Password }
        # The user name may be of the form domain\user; the service takes it as it was typed.
    }
    if (-not [string]::IsNullOrEmpty($user)) {
        $members.Add('"username":' + (ConvertTo-JsonString $user))
    }
    if (-not [string]::IsNullOrEmpty($password)) {
        $members.Add('"password":' + (ConvertTo-JsonString $password))
    }
    '{' + [string]::Join(',', $members) + '}'
}

# The member "settings" of an item, with a comma before it; the empty text where nothing was given.
function script:ConvertTo-SettingsJson {
    param([System.Collections.IDictionary] $Given)

    $members = [System.Collections.Generic.List[string]]::new()
    if ($Given.Contains('Protocol')) {
        $members.Add('"protocol":' + (ConvertTo-JsonString $Given['Protocol']))
    }
    if ($Given.Contains('Url')) {
        $members.Add('"url":' + (ConvertTo-JsonString $Given['Url']))
    }
    if ($Given.Contains('Credential')) {
        $members.Add('"credentials":' + (ConvertTo-CredentialJson $Given['Credential']))
    }
    if ($Given.Contains('Proxy')) {
        $members.Add('"proxy":' + (ConvertTo-ProxyJson $Given['Proxy']))
    }
    if ($members.Count -eq 0) {
        return ''
    }
    ',"settings":{' + [string]::Join(',', $members) + '}'
}

# Whether a script block is to give the parameter's value for each item. Before the first item PowerShell has an object of
# its own in the value's place; a parameter without a type takes no script block.
function script:Test-Delayed {
    param([System.Collections.IDictionary] $Bound, [string] $Name)

    ($Name -eq 'Protocol' -or $Name -eq 'Url') -and $null -ne $Bound[$Name] -and $Bound[$Name] -isnot [string]
}

# The names of the settings on the command line, where a script block gives one of them for each item; else $null.
function script:Get-NamedSettings {
    param([System.Collections.IDictionary] $Bound)

    $names = @('Protocol', 'Url', 'Credential', 'Proxy').Where({ $Bound.ContainsKey($_) })
    if ($names.Where({ Test-Delayed $Bound $_ }).Count -gt 0) {
        , $names
    }
}

# What the command line says of the settings, as the member of every item. A value that no item could be sent with ends the
# call at once; what a script block gives is known with the item only.
function script:Get-GivenSettings {
    param([System.Collections.IDictionary] $Bound, [System.Management.Automation.PSCmdlet] $Cmdlet)

    $given = @{}
    foreach ($name in 'Protocol', 'Url', 'Credential', 'Proxy') {
        if (-not $Bound.ContainsKey($name) -or (Test-Delayed $Bound $name)) {
            continue
        }
        $given[$name] = $Bound[$name]
        if ($null -eq $given[$name] -or ($name -eq 'Protocol' -and [object]::ReferenceEquals($given[$name], [BlankProtocol]::NotGiven))) {
            $text = "The value of -$name is blank. Give one, or leave -$name out."
            $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord "Invalid$name" InvalidArgument $text $null))
        }
    }
    try {
        $json = ConvertTo-SettingsJson $given
    } catch [ArgumentException] {
        $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord $_.FullyQualifiedErrorId InvalidArgument $_.Exception.Message $null))
    }
    $item = '{"id":"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/any/providers/Microsoft.ApiManagement/service/any/backends/any"' + $json
    if ($Bound.ContainsKey('TimeUntilReset') -and $Bound['TimeUntilReset'] -is [int]) {
        $item += ",""after"":$($Bound['TimeUntilReset'])"
    }
    $bytes = $script:Utf8.GetBytes("$item}")
    $native = $script:Native
    $problem = [IntPtr[]]::new(1)
    $status = $native::apimbc_item_describe($bytes, $bytes.Length, $null, $problem)
    [array]::Clear($bytes)
    if ($status -ne 0) {
        Stop-OnEngineError $Cmdlet $status $problem[0]
    }
    $json
}
