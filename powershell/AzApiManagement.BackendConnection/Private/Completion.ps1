# Tab on -BackendId.

# The backends of a context's service whose names begin with a word. Tab must not fail, ask or hold up: an error gives nothing,
# and what is not read within four seconds is left out.
function Get-BackendIdCompletion {
    param([string] $Word, [object] $Context)

    $VerbosePreference = $DebugPreference = 'SilentlyContinue'
    $run = $null
    try {
        $run = New-EngineRun $null ''
        $run.IsReading = $run.IsRaw = $run.IsPaged = $true
        $run.Deadline = [Environment]::TickCount64 + 4000
        Start-EngineRun $run
        $item = ConvertTo-JsonBytes @{
            action = 'list'; subscription = Get-PropertyValue $Context 'SubscriptionId'
            resourceGroup = Get-PropertyValue $Context 'ResourceGroupName'; service = Get-PropertyValue $Context 'ServiceName'
        }
        $run.Offer($item, $null, 1, 1)
        $typed = $Word.Trim("'", '"')
        while ($run.MoveNext()) {
            $name = $run.Current['name']
            if ($name -is [string] -and $name.StartsWith($typed, [StringComparison]::OrdinalIgnoreCase)) {
                $text = if ($name -match '^[\w.-]+$') { $name } else { "'" + $name.Replace("'", "''") + "'" }
                [System.Management.Automation.CompletionResult]::new($text, $name, 'ParameterValue', $name)
            }
        }
    } catch {
        return
    } finally {
        if ($null -ne $run) { Stop-EngineRun $run }
    }
}
