# A runspace of this process, as a host of PowerShell has it: its streams can be read, and its pipeline be stopped.

# Starts a script, with the module, a context and New-Backend at hand. Gives Shell, Result, and its Output as it comes.
function Start-Runspace {
    param([string] $Script, [System.Management.Automation.Runspaces.SessionStateCommandEntry[]] $Commands = @())

    $state = [initialsessionstate]::CreateDefault2()
    foreach ($command in $Commands) {
        $state.Commands.Add($command)
    }
    $shell = [powershell]::Create($state)
    $null = $shell.AddScript("Import-Module AzApiManagement.BackendConnection; . '$($PSScriptRoot.Replace("'", "''"))/Models.ps1'; `$context = New-Context")
    $null = $shell.Invoke()
    $shell.Commands.Clear()
    foreach ($stream in $shell.Streams.Error, $shell.Streams.Progress, $shell.Streams.Verbose) {
        $stream.Clear()
    }
    $null = $shell.AddScript($Script)
    $output = [System.Management.Automation.PSDataCollection[psobject]]::new()
    $begin = [powershell].GetMethods().Where({ $_.Name -eq 'BeginInvoke' -and $_.IsGenericMethod -and $_.GetParameters().Count -eq 2 })[0]
    $result = $begin.MakeGenericMethod([psobject], [psobject]).Invoke($shell, @($null, $output))
    [pscustomobject] @{ Shell = $shell; Result = $result; Output = $output }
}

# Waits for its end, and gives it back. A terminating error is among its errors then, not thrown.
function Wait-Runspace {
    param([object] $Running)

    try {
        $null = $Running.Shell.EndInvoke($Running.Result)
    } catch {
        $Running.Shell.Streams.Error.Add($_)
    }
    $Running
}

function Invoke-Runspace {
    param([string] $Script)

    Wait-Runspace (Start-Runspace $Script)
}
