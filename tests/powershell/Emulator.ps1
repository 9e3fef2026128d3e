# The emulator of this test file: what it was sent, and faults for what it will be sent.

$script:Control = [System.Net.Http.HttpClient]::new()
$script:Control.BaseAddress = [uri] "$env:TEST_CONTROL/_emulator/"

function Invoke-Control {
    param([string] $Method, [string] $Path, [string] $Body)

    $request = [System.Net.Http.HttpRequestMessage]::new([System.Net.Http.HttpMethod]::new($Method), $Path)
    $request.Headers.Add('Authorization', "Bearer $env:AZURE_ACCESS_TOKEN")
    if ($Body) {
        $request.Content = [System.Net.Http.StringContent]::new($Body, [System.Text.Encoding]::UTF8, 'application/json')
    }
    $answer = $script:Control.Send($request)
    try {
        $text = [System.IO.StreamReader]::new($answer.Content.ReadAsStream()).ReadToEnd()
        if (-not $answer.IsSuccessStatusCode) {
            throw "the emulator refused $Method $Path with $([int] $answer.StatusCode): $text"
        }
        $text
    } finally {
        $answer.Dispose()
        $request.Dispose()
    }
}

# Takes back faults and empties the journal.
function Reset-Emulator {
    $null = Invoke-Control DELETE faults
    $null = Invoke-Control DELETE journal
}

# Every request so far: method, path, status (0: not answered), body.
function Get-Journal {
    ConvertFrom-Json (Invoke-Control GET journal)
}

# What was sent, in short: 'POST 1/reconnect' or 'PATCH 1 {"properties":…}', the path from the backend's name on, a body
# where there was one. In order of arrival.
function Get-Sent {
    foreach ($entry in Get-Journal) {
        $path = $entry.path.Substring($entry.path.IndexOf('/backends/') + 10).Split('?')[0]
        ("$($entry.method) $path $($entry.body)").TrimEnd()
    }
}

# What was sent, in any order.
function Get-SentSorted {
    [string[]] $sent = @(Get-Sent)
    [array]::Sort($sent, [StringComparer]::Ordinal)
    $sent
}

function Get-EmulatorStats {
    ConvertFrom-Json (Invoke-Control GET stats)
}

# Sets a fault (the emulator's page lists its members); the first that matches a request strikes.
function Add-Fault {
    param([hashtable] $Fault)

    $null = Invoke-Control POST faults (ConvertTo-Json $Fault -Depth 5 -Compress)
}

# Makes a backend, or makes it anew, with this body. The journal does not keep that.
function Set-EmulatorBackend {
    param([string] $BackendId, [hashtable] $Body)

    $null = Invoke-Control PUT "$(Get-BackendResourceId $BackendId)?api-version=2024-05-01" (ConvertTo-Json $Body -Depth 10 -Compress)
    $null = Invoke-Control DELETE journal
}

# Gives a backend of the emulator a value for everything that a backend can have.
function Set-FullBackend {
    param([string] $BackendId)

    Set-EmulatorBackend $BackendId @{
        properties = @{
            url = 'https://full.example/api'; protocol = 'http'; title = 'full'; description = 'described'; resourceId = 'https://management.azure.com/x'
            tls = @{ validateCertificateChain = $false; validateCertificateName = $true }
            credentials = @{ query = @{ q = @('1', '2') }; header = @{ h = @('3') }; certificate = @('thumb'); authorization = @{ scheme = 'Basic'; parameter = 'x' } }
            proxy = @{ url = 'http://proxy.example:8080'; username = 'user'; password = 'pass' }
            properties = @{
                serviceFabricCluster = @{
                    clientCertificateId = 'cert-id'; clientCertificatethumbprint = 'client-thumb'; maxPartitionResolutionRetries = 5
                    managementEndpoints = @('https://sf.example:19080'); serverCertificateThumbprints = @('server-thumb')
                    serverX509Names = @(@{ name = 'name'; issuerCertificateThumbprint = 'issuer' })
                }
            }
        }
    }
}
