# An item of the engine's (docs/abi.md, "Item") from what was bound, for every way of calling but the usual one.
#
# A call is a hashtable that holds for all of its inputs:
#   Cmdlet   the cmdlet
#   Given    what is on the command line; a script block there is a DelayedScriptBlockArgument
#   Warned   the warnings that were given, since each is given once

# The item without its last brace, or $null where it is an error that has been written. Bound is $PSBoundParameters, Values
# are the parameters' values for this input, and Settings is the member "settings" of the command line.
function New-ResetItem {
    param([hashtable] $Call, [System.Collections.IDictionary] $Bound, [hashtable] $Values, [object] $Piped, [string] $Settings)

    $isBound = Test-Bound $Call $Bound $Piped
    # PowerShell leaves what an input was bound by there for the next.
    foreach ($name in @($Bound.Keys)) {
        if (-not $Call.Given.ContainsKey($name)) { $null = $Bound.Remove($name) }
    }
    if (-not $isBound) {
        Write-CallerError $Call.Cmdlet (New-NotBoundRecord $Piped)
        return
    }
    $isRow = Test-Row $Piped
    $named = Get-NamedBackend $Piped
    if ($isRow -or (Test-DelayedSetting $Call)) {
        $changes = Get-ItemSettings $Call $Values $isRow
        if ($isRow -and $null -ne $named -and $changes.Keys.Where({ -not $Call.Given.ContainsKey($_) }).Count -gt 0) {
            Write-CallerError $Call.Cmdlet (New-AmbiguousCopyRecord $Piped)
            return
        }
        $Settings = ConvertTo-SettingsMember $changes
    }
    $item = if ($null -ne $Values.InputObject) {
        Get-InputObjectTarget $Call $Values
    } else {
        Get-ContextTarget $Call $Values $Piped $named
    }
    $item['after'] = Get-ItemTime $Call $Values $Piped
    [EngineJson]::Write($item).TrimEnd('}') + $Settings
}

# Whether the piped object was bound to anything. NoTime takes every object, so the binder itself cannot say so.
function Test-Bound {
    param([hashtable] $Call, [System.Collections.IDictionary] $Bound, [object] $Piped)

    $given = $Call.Given
    (Test-PlainValue $Piped) -or $given.ContainsKey('TimeUntilReset') -or $Bound.Count -ne $given.Count + 1 -or
        $given.Values.Where({ Test-Delayed $_ }, 'First').Count -gt 0
}

# Whether a script block gives the parameter's value for each input.
function Test-Delayed {
    param([object] $Value)

    $null -ne $Value -and $Value.GetType().Name -ceq 'DelayedScriptBlockArgument'
}

function Test-PlainValue {
    param([object] $Object)

    $null -eq $Object -or $Object -is [ValueType] -or $Object -is [string]
}

# Whether a piped object is a row that says what is to be changed: not itself a backend or a context, live or deserialized,
# whose settings are its own, nor a plain value. The name must be the type's own: Select-Object makes "Selected.…" of it.
function Test-Row {
    param([object] $Object)

    if (Test-PlainValue $Object) {
        return $false
    }
    $names = $Object.PSObject.TypeNames
    foreach ($type in "${script:ModelNamespace}PsApiManagementBackend", "${script:ModelNamespace}PsApiManagementContext") {
        if ($names.Contains($type) -or $names.Contains("Deserialized.$type")) {
            return $false
        }
    }
    $true
}

# What the Id of a piped object names, as the engine reads it; nothing where that is not a backend's resource id.
function Get-NamedBackend {
    param([object] $Piped)

    $id = if (-not (Test-PlainValue $Piped)) { Get-PropertyValue $Piped 'Id' }
    if ($id -is [string] -and $id.StartsWith('/subscriptions/', [StringComparison]::OrdinalIgnoreCase)) {
        Get-ItemDescription ([ordered]@{ id = $id })
    }
}

# Where -InputObject is. Its own name and the one on the command line must both be the one in its id; where the own one is,
# the engine compares the other.
function Get-InputObjectTarget {
    param([hashtable] $Call, [hashtable] $Values)

    $id = [string] $Values.InputObject.Id
    $name = [string] $Values.InputObject.BackendId
    $ownIsRight = $name.Length -eq 0 -or $id.EndsWith("/$name", [StringComparison]::OrdinalIgnoreCase)
    $item = [ordered]@{ id = $id }
    if ($Call.Given.ContainsKey('BackendId') -and $ownIsRight) {
        $item['backendId'] = [string] $Values.BackendId
    } elseif ($name.Length -gt 0) {
        $item['backendId'] = $name
    }
    $item
}

# Where -Context and -BackendId are. A piped backend of another service is reset in the service of -Context, with a warning.
function Get-ContextTarget {
    param([hashtable] $Call, [hashtable] $Values, [object] $Piped, [object] $Named)

    $context = $Values.Context
    $item = [ordered]@{
        subscription = Get-PropertyValue $context 'SubscriptionId'; resourceGroup = Get-PropertyValue $context 'ResourceGroupName'
        service = Get-PropertyValue $context 'ServiceName'; backendId = [string] $Values.BackendId
    }
    if ($null -eq $Named) {
        return $item
    }
    if ($Named['backendId'] -ne $item.backendId) {
        # The engine's error says that the two differ.
        return [ordered]@{ id = $Piped.Id; backendId = $item.backendId }
    }
    $item['workspace'] = $Named['workspace']
    $differs = $item.service -ne $Named['service'] -or $item.resourceGroup -ne $Named['resourceGroup'] -or
        ($null -ne $item.subscription -and $item.subscription -ne $Named['subscription'])
    if ($differs) {
        Write-WarningOnce $Call 'OtherService' ("The piped $($Named['target']) is reset in the service that -Context names, " +
            "'$($item.service)' in resource group '$($item.resourceGroup)', and so are others. Leave -Context out to reset each backend where it is.")
    }
    $item
}

# The time of an item, or $null. A piped number or text is a time, but not where a script block makes the backend's name of it.
function Get-ItemTime {
    param([hashtable] $Call, [hashtable] $Values, [object] $Piped)

    if (-not $Call.Given.ContainsKey('TimeUntilReset')) {
        if ((Test-PlainValue $Piped) -and (Test-Delayed $Call.Given['BackendId'])) {
            if ($null -ne $Values.TimeUntilReset) {
                Write-WarningOnce $Call 'ValueIsNoTime' 'Piped values are read as -BackendId says, and not as -TimeUntilReset. Give -TimeUntilReset on the command line.'
            }
            return
        }
        if (-not (Test-PlainValue $Piped) -and $null -ne $Piped.PSObject.Properties['TimeUntilReset']) {
            Write-WarningOnce $Call 'TimeColumn' 'The property TimeUntilReset of piped objects is not read. To read it: -TimeUntilReset { $_.TimeUntilReset }.'
        }
    }
    $Values.TimeUntilReset
}

function Write-WarningOnce {
    param([hashtable] $Call, [string] $Key, [string] $Text)

    if (-not $Call.Warned.ContainsKey($Key)) {
        $Call.Warned[$Key] = $true
        $Call.Cmdlet.WriteWarning($Text)
    }
}

# What the engine says of an item (docs/abi.md, "Description"), given as JSON or as what becomes JSON; nothing where it would
# refuse it. The engine's reason is given in Problem, where that is wanted.
function Get-ItemDescription {
    param([object] $Item, [IntPtr[]] $Problem)

    $bytes = if ($Item -is [byte[]]) { $Item } else { ConvertTo-JsonBytes $Item }
    $description = [IntPtr[]]::new(1)
    $native = $script:Native
    if ($native::apimbc_item_describe($bytes, $bytes.Length, $description, $Problem) -eq 0) {
        Read-NativeJson $description[0]
    }
}

# Asks whether the item may be sent. Bad input is not asked about: it goes on and becomes an error, with -WhatIf too.
function Confirm-Item {
    param([System.Management.Automation.PSCmdlet] $Cmdlet, [byte[]] $Item)

    $description = Get-ItemDescription $Item
    if ($null -eq $description) {
        return $true
    }
    try {
        $Cmdlet.ShouldProcess($description['target'], $description['action'])
    } catch {
        $reason = $_.Exception.GetBaseException()
        if ($reason -is [System.Management.Automation.PipelineStoppedException]) {
            throw
        }
        $text = 'This session cannot ask for confirmation: it runs with -NonInteractive, or its host has no prompt. ' +
            'Use -Confirm:$false, or run it interactively.'
        $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord 'ConfirmationUnavailable' InvalidOperation $text $null $reason))
    }
}
