# An item of the engine's (docs/abi.md, "Item") from what was bound, for every way of calling but the plainest.

# The item's beginning: where the backend is.
function script:ConvertTo-TargetJson {
    param([hashtable] $Bound)

    $input = $Bound.InputObject
    if ($null -eq $input) {
        return '{"resourceGroup":' + (ConvertTo-JsonString $Bound.Context.ResourceGroupName) +
            ',"service":' + (ConvertTo-JsonString $Bound.Context.ServiceName) +
            ',"backendId":' + (ConvertTo-JsonString $Bound.BackendId)
    }
    $id = [string] $input.Id
    $name = [string] $input.BackendId
    # The object's own name and the one on the command line must both be the one in its id; where the own one is, the
    # other is left to be told from it.
    $ownIsRight = $name.Length -eq 0 -or $id.EndsWith("/$name", [StringComparison]::OrdinalIgnoreCase)
    if ($Bound.IdIsGiven -and $ownIsRight) {
        $name = $Bound.BackendId
    }
    $json = '{"id":' + (ConvertTo-JsonString $id)
    if ($name.Length -gt 0 -or $Bound.IdIsGiven) {
        $json += ',"backendId":' + (ConvertTo-JsonString $name)
    }
    $json
}

# Whether a piped object is a row that says what is to be changed, and not itself a backend (live or deserialized) or a
# context, whose settings are its own, nor a plain value.
function script:Test-Row {
    param([object] $Object)

    if ($null -eq $Object -or $Object -is [ValueType] -or $Object -is [string]) {
        return $false
    }
    foreach ($name in $Object.PSObject.TypeNames) {
        if ($name.EndsWith('Models.PsApiManagementBackend', [StringComparison]::Ordinal) -or
            $name.EndsWith('Models.PsApiManagementContext', [StringComparison]::Ordinal)) {
            return $false
        }
    }
    $true
}

# The settings of an item that has its own: of a row those of any name, those of the command line among them. $null where they
# cannot be read, which has been said.
function script:Get-ItemSettings {
    param([string[]] $Names, [System.Collections.IDictionary] $Bound, [hashtable] $Values, [object] $Target, [System.Management.Automation.PSCmdlet] $Cmdlet)

    $given = @{}
    foreach ($name in $Names) {
        $value = $Values[$name]
        # A property that is not there leaves the parameter blank, as an empty cell does.
        $blank = $null -eq $value -or ($value -is [string] -and [string]::IsNullOrWhiteSpace($value)) -or
            [object]::ReferenceEquals($value, [BlankProtocol]::NotGiven)
        if (-not $blank -and $Bound.ContainsKey($name)) {
            $given[$name] = $value
        }
    }
    try {
        ConvertTo-SettingsJson $given
    } catch [ArgumentException] {
        $Cmdlet.WriteError((New-PlainErrorRecord $_.FullyQualifiedErrorId InvalidArgument $_.Exception.Message $Target))
    }
}

# Asks whether the item may be sent. Bad input is not asked about: it goes on to be told as an error, with -WhatIf too.
function script:Confirm-Item {
    param([byte[]] $Item, [System.Management.Automation.PSCmdlet] $Cmdlet)

    $native = $script:Native
    $description = [IntPtr[]]::new(1)
    if ($native::apimbc_item_describe($Item, $Item.Length, $description, $null) -ne 0) {
        return $true
    }
    $document = [System.Text.Json.JsonDocument]::Parse((Read-NativeBuffer $description[0]), [System.Text.Json.JsonDocumentOptions]::new())
    try {
        $target = Get-JsonText $document.RootElement 'target'
        $action = Get-JsonText $document.RootElement 'action'
    } finally {
        $document.Dispose()
    }
    $Cmdlet.ShouldProcess($target, $action)
}
