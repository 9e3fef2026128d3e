# Pipes backends into the cmdlet and prints what it took.
# -Streamed: makes each object when the pipeline asks for it, so that memory holds the cmdlet's own needs.
# -Accounted: asks for each backend back, and counts every outcome.
param([int] $Requests, [switch] $Streamed, [switch] $Accounted)

Import-Module AzApiManagement.BackendConnection
$service = "/subscriptions/$env:AZURE_SUBSCRIPTION_ID/resourceGroups/Api-Default-WestUS/providers/Microsoft.ApiManagement/service/contoso"
$typeName = 'Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackend'
# The emulator has ten thousand backends; a longer fleet goes round.
$make = { param($n) $id = "$(($n - 1) % 10000 + 1)"; [pscustomobject]@{ PSTypeName = $typeName; Id = "$service/backends/$id"; BackendId = $id } }

$backends = if (-not $Streamed) { foreach ($n in 1..$Requests) { & $make $n } }
# The first request belongs to the start: it gets the token, makes the connection and loads what is loaded late.
& $make 1 | Reset-AzApiManagementBackendConnection -ErrorAction Stop

$process = [System.Diagnostics.Process]::GetCurrentProcess()
$cpuBefore = $process.TotalProcessorTime.TotalSeconds
$watch = [System.Diagnostics.Stopwatch]::StartNew()
$result = [ordered]@{ requests = $Requests }
$problems = $null
if ($Accounted) {
    $outputs = $backends | Reset-AzApiManagementBackendConnection -PassThru -ErrorAction SilentlyContinue -ErrorVariable problems
    $seen = [System.Collections.Generic.HashSet[string]]::new()
    $twice = 0
    foreach ($id in @($outputs.BackendId) + @($problems.TargetObject.BackendId)) {
        if ($null -ne $id -and -not $seen.Add($id)) { $twice++ }
    }
    $result.succeeded = @($outputs).Count
    $result.distinct = $seen.Count
    $result.twice = $twice
} elseif ($Streamed) {
    & { for ($n = 1; $n -le $Requests; $n++) { & $make $n } } |
        Reset-AzApiManagementBackendConnection -ErrorAction SilentlyContinue -ErrorVariable problems
} else {
    $backends | Reset-AzApiManagementBackendConnection -ErrorAction SilentlyContinue -ErrorVariable problems
}
$result.seconds = $watch.Elapsed.TotalSeconds
$process.Refresh()
$result.failed = @($problems).Count
$result.cpuSeconds = $process.TotalProcessorTime.TotalSeconds - $cpuBefore
$result.processCpuSeconds = $process.TotalProcessorTime.TotalSeconds
$result.peakBytes = $process.PeakWorkingSet64
$result | ConvertTo-Json -Compress
