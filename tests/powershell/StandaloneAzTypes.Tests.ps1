# AzApiManagement.Standalone where Az.ApiManagement is loaded as well: objects are of Az's own types then, so that Az's cmdlets
# take them. Types of their names and members stand in for them.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/DotNetModels.ps1"

Import-Module AzApiManagement.Standalone
Initialize-DotNetModels

Test 'a context' {
    $context = New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso
    Assert-Equal $context.GetType().FullName "${Models}PsApiManagementContext" 'type'
    Assert-Equal $context.ResourceGroupName, $context.ServiceName 'Api-Default-WestUS', 'contoso' 'values'
    $context = New-AzApiManagementContext -ResourceId (Get-BackendResourceId 1)
    Assert-Equal $context.GetType().FullName "${Models}PsApiManagementContext" 'type of one from an id'
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = $null } { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 }
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent to the subscription of the id'
}

Test 'a credential' {
    $credential = New-AzApiManagementBackendCredential -CertificateThumbprint '00112233445566778899AABBCCDDEEFF00112233', 'ffeeddccbbaa99887766554433221100ffeeddcc' -Query @{ q = 'a', 'b' } -AuthorizationHeaderScheme Basic -AuthorizationHeaderParameter x
    Assert-Equal $credential.GetType().FullName "${Models}PsApiManagementBackendCredential" 'type'
    Assert-Equal $credential.Certificate '00112233445566778899AABBCCDDEEFF00112233', 'ffeeddccbbaa99887766554433221100ffeeddcc' 'Certificate'
    Assert-Equal $credential.Query['q'] 'a', 'b' 'Query'
    Assert-Equal $credential.Header $null 'Header'
    Assert-Equal $credential.Authorization.GetType().FullName "${Models}PsApiManagementAuthorizationHeaderCredential" 'type of Authorization'
    Assert-Equal $credential.Authorization.Scheme, $credential.Authorization.Parameter 'Basic', 'x' 'Authorization'
    Reset-AzApiManagementBackendConnection -InputObject (New-Backend 1) -Credential $credential
    Assert-Equal (Get-Sent) ('PATCH 1 {"properties":{"credentials":{"certificate":["00112233445566778899AABBCCDDEEFF00112233","ffeeddccbbaa99887766554433221100ffeeddcc"],"query":{"q":["a","b"]},' +
        '"authorization":{"scheme":"Basic","parameter":"x"}}}}'), 'POST 1/reconnect' 'sent'
}

Test 'a proxy' {
    $proxy = New-AzApiManagementBackendProxy -Url 'http://proxy.example:8080'
    Assert-Equal $proxy.GetType().FullName "${Models}PsApiManagementBackendProxy" 'type'
    Assert-Equal $proxy.Url 'http://proxy.example:8080' 'Url'
    Reset-AzApiManagementBackendConnection -InputObject (New-Backend 1) -Proxy $proxy
    Assert-Equal (Get-Sent) 'PATCH 1 {"properties":{"proxy":{"url":"http://proxy.example:8080"}}}', 'POST 1/reconnect' 'sent'
}

Test 'backends, piped into a reset' {
    $backend = Get-AzApiManagementBackend -Context (New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso) -BackendId 1
    Assert-Equal $backend.GetType().FullName "${Models}PsApiManagementBackend" 'type'
    Assert-Equal $backend.Id, $backend.BackendId, $backend.ServiceName (Get-BackendResourceId 1), '1', 'contoso' 'values'
    $backend | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'GET 1', 'POST 1/reconnect' 'sent'
}
