# Which settings of a backend are to be changed: those that are given, on the command line or by a row.

$script:SettingNames = 'Protocol', 'Url', 'Credential', 'Proxy'

# Whether a script block gives one of the settings for each input.
function Test-DelayedSetting {
    param([hashtable] $Call)

    foreach ($name in $script:SettingNames) {
        if (Test-Delayed $Call.Given[$name]) {
            return $true
        }
    }
    $false
}

function Test-BlankSetting {
    param([object] $Value)

    $null -eq $Value -or ($Value -is [string] -and [string]::IsNullOrWhiteSpace($Value)) -or [object]::ReferenceEquals($Value, [BlankProtocol]::NotGiven)
}

# The member "settings" of an item, with a comma before it; the empty text where nothing is given.
function ConvertTo-SettingsMember {
    param([System.Collections.IDictionary] $Given)

    if ($Given.Count -gt 0) { ',"settings":' + [EngineJson]::Write($Given) } else { '' }
}

# The settings of an input: those of the command line, and of a row those that it was bound by. A blank from a row or a script
# block gives nothing.
function Get-ItemSettings {
    param([hashtable] $Call, [hashtable] $Values, [bool] $IsRow)

    $given = [ordered]@{}
    foreach ($name in $script:SettingNames) {
        if (($IsRow -or $Call.Given.ContainsKey($name)) -and -not (Test-BlankSetting $Values[$name])) {
            $given[$name] = $Values[$name]
        }
    }
    $given
}

# The member "settings" of what the command line gives. A value that no item could be sent with ends the call at once; what a
# script block gives is known with the item only.
function Get-CommandLineSettings {
    param([hashtable] $Call)

    $item = [ordered]@{}
    $given = [ordered]@{}
    foreach ($name in $script:SettingNames + 'TimeUntilReset') {
        if (-not $Call.Given.ContainsKey($name) -or (Test-Delayed $Call.Given[$name])) {
            continue
        }
        if (Test-BlankSetting $Call.Given[$name]) {
            $text = "-$name has no value. Give one, or leave -$name out."
            $Call.Cmdlet.ThrowTerminatingError((New-PlainErrorRecord "Invalid$name" InvalidArgument $text $null))
        }
        if ($name -eq 'TimeUntilReset') {
            $item['after'] = $Call.Given[$name]
        } else {
            $given[$name] = $Call.Given[$name]
        }
    }
    # The item names no backend, and the engine says so where there is nothing else to say.
    $item['settings'] = $given
    $problem = [IntPtr[]]::new(1)
    $null = Get-ItemDescription $item $problem
    $json = Read-NativeJson $problem[0]
    if ($json['code'] -ne 'InvalidResourceGroupName') {
        $Call.Cmdlet.ThrowTerminatingError((New-EngineErrorRecord $json $null))
    }
    ConvertTo-SettingsMember $given
}
