# Importing defines the cmdlet and little else: what a call needs beyond it is read when it is first needed.
$script:Folder = $PSScriptRoot
$script:Native = $null
$script:Utf8 = [System.Text.UTF8Encoding]::new($false)
$script:RestIsLoaded = $false

# Reads the files that only some calls need: settings, errors, output, Az.Accounts, progress. Their functions name the
# script scope, since they are read from inside this one.
function Import-Rest {
    if ($script:RestIsLoaded) {
        return
    }
    foreach ($file in 'ErrorRecords', 'Settings', 'AzAccounts', 'Backend', 'EngineEvents', 'Items', 'RunProgress') {
        . "$script:Folder/Private/$file.ps1"
    }
    $script:RestIsLoaded = $true
}

# Reads the interop, at the first call. A library that cannot be used ends the call.
function Import-Native {
    param($Cmdlet)

    . "$script:Folder/Private/NativeLibrary.ps1"
    . "$script:Folder/Private/EngineSession.ps1"
    try {
        $script:Native = Get-NativeType
    } catch {
        $Cmdlet.ThrowTerminatingError($_.Exception.ErrorRecord)
    }
}

. "$PSScriptRoot/Public/Reset-AzApiManagementBackendConnection.ps1"
