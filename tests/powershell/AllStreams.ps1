# All that a call says, in whatever stream and however deep, as one text: what no secret may be in.

# Everything that an object shows, down to the exceptions inside of exceptions.
function Get-Depths {
    param([object] $Object)

    "$Object"
    if ($Object -is [System.Management.Automation.ErrorRecord]) {
        "$($Object.CategoryInfo)"
        "$($Object.ErrorDetails)"
        $Object.ScriptStackTrace
        "$($Object.TargetObject)"
        for ($exception = $Object.Exception; $null -ne $exception; $exception = $exception.InnerException) {
            $exception.ToString()
            foreach ($entry in $exception.Data.GetEnumerator()) {
                "$($entry.Key)=$($entry.Value)"
            }
        }
        ConvertTo-Json $Object.Exception.Data -Depth 4 -WarningAction SilentlyContinue
    }
}

# Runs a call with every stream open, and gives the text of all.
function Get-Everything {
    param([scriptblock] $Call)

    $Error.Clear()
    $streams = try {
        & $Call *>&1
    } catch {
        $_
    }
    [string]::Join("`n", @(foreach ($object in @($streams) + @($Error)) { Get-Depths $object }))
}
