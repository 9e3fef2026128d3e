# What `cargo xtask demo` runs. After each step it tells how many errors there were, and waits until the requests of
# the step have been shown.
$ErrorActionPreference = 'Continue'
$PSStyle.OutputRendering = 'PlainText'

Import-Module AzApiManagement.Standalone, AzApiManagement.BackendConnection -ErrorAction Stop

$steps = @(
    @{ Name = 'Context'; Title = 'Name the API Management service'; Command = {
$apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"
    } }
    @{ Name = 'Example1'; Title = 'Reset one backend, changing its settings first (example 1 of the help page)'; Command = {
Reset-AzApiManagementBackendConnection -Context $apimContext -BackendId 123 -Protocol http -Url 'https://contoso.com/awesomeapi' -PassThru
    } }
    @{ Name = 'Input'; Title = 'Get a backend, and make credentials for it'; Command = {
$backend = Get-AzApiManagementBackend -Context $apimContext -BackendId 123
$credential = New-AzApiManagementBackendCredential -AuthorizationHeaderScheme basic -AuthorizationHeaderParameter 'ZGVtbzpkZW1v'
    } }
    @{ Name = 'Example2'; Title = 'Reset the backend that was got (example 2 of the help page)'; Command = {
Reset-AzApiManagementBackendConnection -BackendId 123 -InputObject $backend -Credential $credential -Protocol http -Url 'https://contoso.com/awesomeapi'
    } }
    @{ Name = 'WhatIf'; Title = 'See what would be done'; Command = {
$backend | Reset-AzApiManagementBackendConnection -TimeUntilReset 300 -WhatIf
    } }
    @{ Name = 'Fleet'; Title = 'Reset every backend of the service'; Command = {
$watch = [System.Diagnostics.Stopwatch]::StartNew()
Get-AzApiManagementBackend -Context $apimContext | Reset-AzApiManagementBackendConnection -TimeUntilReset 120
"Done in $($watch.ElapsedMilliseconds) ms."
    } }
    @{ Name = 'Missing'; Title = 'Meet an error: a backend that is not there'; Command = {
Reset-AzApiManagementBackendConnection -Context $apimContext -BackendId no-such-backend
    } }
)

foreach ($step in $steps) {
    ''
    "== $($step.Title) =="
    foreach ($line in $step.Command.ToString().Trim() -split '\r?\n') {
        "PS> $line"
    }
    $Error.Clear()
    # Dot-sourced, so that later steps have its variables. Errors become text: they would go to another stream, and
    # stand beside the wrong step.
    . $step.Command 2>&1 | ForEach-Object {
        if ($_ -is [System.Management.Automation.ErrorRecord]) { "ERROR $($_.FullyQualifiedErrorId)$_" } else { $_ }
    } | Out-Host
    "::step $($step.Name) $($Error.Count)"
    $null = [Console]::In.ReadLine()
}
