# Imports one module and prints how long that took.
param([string] $Module)

$watch = [System.Diagnostics.Stopwatch]::StartNew()
Import-Module $Module
$watch.Stop()
[ordered]@{ seconds = $watch.Elapsed.TotalSeconds } | ConvertTo-Json -Compress
