# The module's files, each with one subject. They are few and short, so that importing costs little.
foreach ($file in 'ErrorRecords', 'NativeLibrary', 'Settings', 'AzAccounts', 'Backend', 'EngineSession', 'ProgressBar') {
    . "$PSScriptRoot/Private/$file.ps1"
}
. "$PSScriptRoot/Public/Reset-AzApiManagementBackendConnection.ps1"
