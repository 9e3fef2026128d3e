# What a session says: results, errors, log lines, requests for tokens (docs/abi.md, "Events").

# Handles the event that the run has taken. Results are added to those that are to be output.
function Receive-EngineEvent {
    param($Run)

    $json = Read-NativeJson $Run.Buffer[0]
    switch ($Run.Kind[0]) {
        1 { Receive-ItemResult $Run $Run.Number[0] $json }
        2 { Send-AzAccountsToken $Run $Run.Number[0] $json }
        3 { Write-EngineLog $Run.Cmdlet $json }
        4 { Stop-OnFatalError $Run $json }
    }
}

function Receive-ItemResult {
    param($Run, [long] $Number, [hashtable] $Json)

    Skip-Input $Run $Number
    $target = if ($Run.Inputs.Count -gt 0) { $Run.Inputs.Peek() }
    Skip-Input $Run ($Number + 1)
    if ($Json['outcome'] -eq 'failed') {
        $record = New-EngineErrorRecord $Json['error'] $target
        if ($Json['error']['fatal']) {
            $Run.Cmdlet.ThrowTerminatingError($record)
        }
        Write-CallerError $Run.Cmdlet $record
    }
    if ($null -ne $Json['backend']) {
        $Run.Results.Enqueue((ConvertTo-Backend $Json['backend']))
    }
    foreach ($backend in $Json['backends']) {
        $Run.Results.Enqueue($(if ($Run.IsRaw) { $backend } else { ConvertTo-Backend $backend }))
    }
    if ($null -ne $Json['nextLink']) {
        # Asked for when this page has been output.
        $Run.Target = $target
        $Run.Item = ConvertTo-JsonBytes @{ action = 'list'; nextLink = $Json['nextLink'] }
    }
}

function Write-EngineLog {
    param([System.Management.Automation.PSCmdlet] $Cmdlet, [hashtable] $Json)

    # With -Debug and without -Verbose, PowerShell would ask at each verbose line whether to go on.
    $bound = $Cmdlet.MyInvocation.BoundParameters
    if ($Json['level'] -eq 'debug' -or ($bound.ContainsKey('Debug') -and -not $bound.ContainsKey('Verbose'))) {
        $Cmdlet.WriteDebug($Json['text'])
    } else {
        $Cmdlet.WriteVerbose($Json['text'])
    }
}

# Ends the call with the error that ended the session.
function Stop-OnFatalError {
    param($Run, [hashtable] $Json)

    $target = $null
    if ($null -ne $Json['item']) {
        Skip-Input $Run $Json['item']
        $target = if ($Run.Inputs.Count -gt 0) { $Run.Inputs.Peek() }
    }
    $Run.IsToldByError = $Run.First + $Run.Inputs.Count -eq 1
    $Run.Cmdlet.ThrowTerminatingError((New-EngineErrorRecord $Json['error'] $target))
}

# Ends the call with the error of a failed engine call.
function Stop-OnEngineError {
    param([System.Management.Automation.PSCmdlet] $Cmdlet, [int] $Status, [IntPtr] $Problem)

    if ($Problem -eq [IntPtr]::Zero) {
        $text = "The engine failed with status $Status. This is a defect; please report it."
        $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord 'EngineFailure' NotSpecified $text $null))
    }
    $Cmdlet.ThrowTerminatingError((New-EngineErrorRecord (Read-NativeJson $Problem) $null))
}
