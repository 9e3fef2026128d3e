# Resets one backend again and again, one call each, and prints how long the first call took and the median of the rest.
param([int] $Calls)

Import-Module AzApiManagement.BackendConnection
$backend = [pscustomobject]@{
    PSTypeName = 'Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackend'
    Id         = "/subscriptions/$env:AZURE_SUBSCRIPTION_ID/resourceGroups/Api-Default-WestUS/providers/Microsoft.ApiManagement/service/contoso/backends/1"
    BackendId  = '1'
}
$taken = [double[]]::new($Calls)
for ($n = 0; $n -lt $Calls; $n++) {
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    Reset-AzApiManagementBackendConnection -InputObject $backend -ErrorAction Stop
    $taken[$n] = $watch.Elapsed.TotalSeconds
}
$first = $taken[0]
# The first fifty still compile code; what comes after is a warm call.
$warm = [double[]] ($taken | Select-Object -Skip 50 | Sort-Object)
$median = if ($warm.Length -gt 0) { $warm[[int][math]::Floor($warm.Length / 2)] } else { $first }
[ordered]@{ requests = $Calls; firstSeconds = $first; medianSeconds = $median } | ConvertTo-Json -Compress
