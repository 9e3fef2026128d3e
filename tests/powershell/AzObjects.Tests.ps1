# Real .NET objects of the types that Az.ApiManagement has: they bind, their own values are not written back, and -PassThru
# gives objects of them.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/DotNetModels.ps1"

Initialize-DotNetModels

$context = New-DotNetModel PsApiManagementContext @{ ResourceGroupName = 'Api-Default-WestUS'; ServiceName = 'contoso' }
$ownProxy = New-DotNetModel PsApiManagementBackendProxy @{ Url = 'http://own-proxy.example:8080' }
$ownCredential = New-DotNetModel PsApiManagementBackendCredential @{ Header = @{ 'x-own' = [object[]] @('own value') } }

function New-DotNetBackend {
    param([string] $BackendId)

    New-DotNetModel PsApiManagementBackend @{
        Id = Get-BackendResourceId $BackendId; BackendId = $BackendId; Protocol = 'soap'; Url = 'https://own.example/'; Title = 'a title'
        Proxy = $ownProxy; Credentials = $ownCredential
    }
}

Test 'they are what Az gives' {
    $backend = New-DotNetBackend 1
    Assert-Equal $backend.GetType().FullName "${Models}PsApiManagementBackend" 'type'
    Assert-Equal $backend.ResourceGroupName, $backend.ServiceName 'Api-Default-WestUS', 'contoso' 'computed properties'
    Assert-True (-not $backend.GetType().GetProperty('ServiceName').CanWrite) 'ServiceName is read-only'
}

Test 'backends are piped, and nothing of theirs is written back' {
    (New-DotNetBackend 1), (New-DotNetBackend 2) | Reset-AzApiManagementBackendConnection
    New-DotNetBackend 3 | Reset-AzApiManagementBackendConnection -Context $context
    Reset-AzApiManagementBackendConnection -InputObject (New-DotNetBackend 4)
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 2/reconnect', 'POST 3/reconnect', 'POST 4/reconnect' 'sent'
}

Test 'a backend of a pool, with nothing but its id' {
    New-DotNetModel PsApiManagementBackend @{ Id = Get-BackendResourceId 1; BackendId = '1' } | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a context, given and piped' {
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1
    $context | Reset-AzApiManagementBackendConnection -BackendId 2
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'a credential and a proxy are given as Az makes them' {
    $secure = [securestring]::new()
    foreach ($character in 'pass'.ToCharArray()) { $secure.AppendChar($character) }
    $proxy = New-DotNetModel PsApiManagementBackendProxy @{ Url = 'http://proxy.example:8080'; ProxyCredentials = [pscredential]::new('user', $secure) }
    $authorization = New-DotNetModel PsApiManagementAuthorizationHeaderCredential @{ Scheme = 'Basic'; Parameter = 'parameter' }
    $credential = New-DotNetModel PsApiManagementBackendCredential @{
        Certificate = [string[]] @('00112233445566778899AABBCCDDEEFF00112233'); Query = @{ q = [string[]] @('1', '2') }; Header = @{ 'x-key' = [object[]] @('a') }; Authorization = $authorization
    }
    New-DotNetBackend 1 | Reset-AzApiManagementBackendConnection -Credential $credential -Proxy $proxy
    $body = '{"properties":{"credentials":{"certificate":["00112233445566778899AABBCCDDEEFF00112233"],"query":{"q":["1","2"]},"header":{"x-key":["a"]},' +
        '"authorization":{"scheme":"Basic","parameter":"parameter"}},"proxy":{"url":"http://proxy.example:8080","username":"user","password":"pass"}}}'
    Assert-Equal (Get-Sent) "PATCH 1 $body", 'POST 1/reconnect' 'sent'
}

Test 'PSCredential.Empty, the default of Az, is no credential' {
    $proxy = New-DotNetModel PsApiManagementBackendProxy @{ Url = 'http://proxy.example:8080'; ProxyCredentials = [pscredential]::Empty }
    New-DotNetBackend 1 | Reset-AzApiManagementBackendConnection -Proxy $proxy
    Assert-Equal (Get-Sent) 'PATCH 1 {"properties":{"proxy":{"url":"http://proxy.example:8080"}}}', 'POST 1/reconnect' 'sent'
}

Test '-PassThru gives the real type, with all that the service said' {
    Set-FullBackend full
    $backend = [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackend"; Id = Get-BackendResourceId full } | Reset-AzApiManagementBackendConnection -PassThru
    Assert-Equal $backend.GetType().FullName "${Models}PsApiManagementBackend" 'type'
    Assert-Equal $backend.Id, $backend.BackendId, $backend.ResourceGroupName, $backend.ServiceName (Get-BackendResourceId full), 'full', 'Api-Default-WestUS', 'contoso' 'names'
    Assert-Equal $backend.Url, $backend.Protocol, $backend.Title, $backend.Description, $backend.ResourceId 'https://full.example/api', 'http', 'full', 'described', 'https://management.azure.com/x' 'texts'
    Assert-Equal $backend.Properties['skipCertificateChainValidation'], $backend.Properties['skipCertificateNameValidation'] $true, $false 'checks'
    Assert-Equal $backend.Credentials.GetType().Name 'PsApiManagementBackendCredential' 'type of Credentials'
    Assert-Equal $backend.Credentials.Query['q'] '1', '2' 'query'
    Assert-Equal $backend.Credentials.Header['h'] '3' 'header'
    Assert-Equal $backend.Credentials.Certificate 'thumb' 'certificate'
    Assert-Equal $backend.Credentials.Authorization.Scheme, $backend.Credentials.Authorization.Parameter 'Basic', 'x' 'authorization'
    Assert-Equal $backend.Proxy.Url 'http://proxy.example:8080' 'proxy'
    Assert-Equal $backend.Proxy.ProxyCredentials.UserName 'user' 'user of the proxy'
    Assert-Equal $backend.Proxy.ProxyCredentials.GetNetworkCredential().Password 'pass' 'password of the proxy, which the service tells'
    Assert-Equal $backend.ServiceFabricCluster.GetType().Name 'PsApiManagementServiceFabric' 'type of ServiceFabricCluster'
    Assert-Equal $backend.ServiceFabricCluster.ClientCertificateId, $backend.ServiceFabricCluster.ClientCertificateThumbprint 'cert-id', 'client-thumb' 'client certificate'
    Assert-Equal $backend.ServiceFabricCluster.MaxPartitionResolutionRetries 5 'retries'
    Assert-Equal $backend.ServiceFabricCluster.ManagementEndpoints 'https://sf.example:19080' 'endpoints'
    Assert-Equal $backend.ServiceFabricCluster.ServerCertificateThumbprint 'server-thumb' 'server thumbprints'
    Assert-Equal $backend.ServiceFabricCluster.ServerX509Names['name'] 'issuer' 'server names'
}

Test 'what -PassThru gave can be piped in again' {
    New-DotNetBackend 1 | Reset-AzApiManagementBackendConnection -PassThru | Reset-AzApiManagementBackendConnection -PassThru |
        Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'GET 1', 'POST 1/reconnect', 'GET 1', 'POST 1/reconnect' 'sent'
}

Test 'the object of an error is the object that was piped' {
    $missing = New-DotNetBackend 'not-there'
    $problem = Assert-WritesError { $missing | Reset-AzApiManagementBackendConnection }
    Assert-Error $problem ResourceNotFound ObjectNotFound
    Assert-True ([object]::ReferenceEquals($problem.TargetObject, $missing)) 'the target of the error is the input'
}
