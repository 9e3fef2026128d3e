# A backend as Az's cmdlets give it, from the service's JSON. A member of another kind than documented is as good as left out:
# what one backend has of it must not end the call for all.

function ConvertTo-Backend {
    param([hashtable] $Json)

    $properties = if ($Json['properties'] -is [hashtable]) { $Json['properties'] } else { @{} }
    $id = "$($Json['id'])"
    $segments = $id.Split('/')
    $inner = if ($properties['properties'] -is [hashtable]) { $properties['properties']['serviceFabricCluster'] }
    New-AzModel 'PsApiManagementBackend' ([ordered]@{
            BackendId            = "$($Json['name'])"
            Protocol             = Get-Text $properties 'protocol'
            ResourceId           = Get-Text $properties 'resourceId'
            Title                = Get-Text $properties 'title'
            Description          = Get-Text $properties 'description'
            Url                  = Get-Text $properties 'url'
            Properties           = if ($properties['tls'] -is [hashtable]) { ConvertTo-SkippedChecks $properties['tls'] }
            Proxy                = if ($properties['proxy'] -is [hashtable]) { ConvertTo-Proxy $properties['proxy'] }
            Credentials          = if ($properties['credentials'] -is [hashtable]) { ConvertTo-Credentials $properties['credentials'] }
            ServiceFabricCluster = if ($inner -is [hashtable]) { ConvertTo-ServiceFabric $inner }
            Id                   = $id
            ResourceGroupName    = if ($segments.Length -gt 8) { $segments[4] }
            ServiceName          = if ($segments.Length -gt 8) { $segments[8] }
        })
}

function Get-Text {
    param([hashtable] $Table, [string] $Name)

    if ($Table[$Name] -is [string]) { $Table[$Name] }
}

# Texts as Az maps a list: an empty array where the service has none.
function Get-Texts {
    param([object] $Values)

    , [string[]] @(if ($Values -is [array]) { $Values })
}

# Names to texts, as arrays of objects, as Az's are.
function Get-ValuesTable {
    param([object] $Values)

    if ($Values -is [hashtable]) {
        $table = @{}
        foreach ($entry in $Values.GetEnumerator()) {
            $table[$entry.Key] = @(if ($entry.Value -is [array]) { foreach ($value in $entry.Value) { "$value" } })
        }
        $table
    }
}

function ConvertTo-Credentials {
    param([hashtable] $Json)

    $authorization = $Json['authorization']
    New-AzModel 'PsApiManagementBackendCredential' ([ordered]@{
            Certificate   = Get-Texts $Json['certificate']
            Query         = Get-ValuesTable $Json['query']
            Header        = Get-ValuesTable $Json['header']
            Authorization = if ($authorization -is [hashtable]) {
                New-AzModel 'PsApiManagementAuthorizationHeaderCredential' ([ordered]@{
                        Scheme    = Get-Text $authorization 'scheme'
                        Parameter = Get-Text $authorization 'parameter'
                    })
            }
        })
}

function ConvertTo-Proxy {
    param([hashtable] $Json)

    $user, $password = (Get-Text $Json 'username'), (Get-Text $Json 'password')
    $credential = [pscredential]::Empty
    if ($user -and $password) {
        $secure = [securestring]::new()
        foreach ($character in $password.ToCharArray()) { $secure.AppendChar($character) }
        $credential = [pscredential]::new($user, $secure)
    }
    New-AzModel 'PsApiManagementBackendProxy' ([ordered]@{ Url = Get-Text $Json 'url'; ProxyCredentials = $credential })
}

function ConvertTo-ServiceFabric {
    param([hashtable] $Json)

    $names = if ($Json['serverX509Names'] -is [array]) {
        $table = @{}
        foreach ($entry in $Json['serverX509Names']) {
            if ($entry -is [hashtable]) { $table["$($entry['name'])"] = Get-Text $entry 'issuerCertificateThumbprint' }
        }
        $table
    }
    New-AzModel 'PsApiManagementServiceFabric' ([ordered]@{
            ClientCertificateThumbprint   = Get-Text $Json 'clientCertificateThumbprint'
            ClientCertificateId           = Get-Text $Json 'clientCertificateId'
            MaxPartitionResolutionRetries = if ($Json['maxPartitionResolutionRetries'] -is [int]) { $Json['maxPartitionResolutionRetries'] }
            ManagementEndpoints           = Get-Texts $Json['managementEndpoints']
            ServerX509Names               = $names
            ServerCertificateThumbprint   = Get-Texts $Json['serverCertificateThumbprints']
        })
}

# What Az calls Properties: the checks that are skipped, only those that the service names.
function ConvertTo-SkippedChecks {
    param([hashtable] $Json)

    $checks = [System.Collections.Generic.Dictionary[string, object]]::new()
    foreach ($what in 'Chain', 'Name') {
        if ($Json["validateCertificate$what"] -is [bool]) {
            $checks["skipCertificate${what}Validation"] = -not $Json["validateCertificate$what"]
        }
    }
    $checks
}
