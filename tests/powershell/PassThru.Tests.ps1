# -PassThru: what it gives, when, and in which order.

. "$PSScriptRoot/Setup.ps1"

$context = New-Context

Test 'no output without it' {
    Assert-Equal @(New-Backend 1 | Reset-AzApiManagementBackendConnection) @() 'output'
    Assert-Equal @(Reset-AzApiManagementBackendConnection -Context $context -BackendId 1) @() 'output'
    Assert-Equal @(New-Backend 1 | Reset-AzApiManagementBackendConnection -PassThru:$false) @() 'output'
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'POST 1/reconnect', 'POST 1/reconnect' 'sent'
}

Test 'the backend, read after the reset' {
    $backend = Reset-AzApiManagementBackendConnection -Context $context -BackendId 123 -PassThru
    Assert-Equal $backend.PSObject.TypeNames[0] "${Models}PsApiManagementBackend" 'type name'
    Assert-Equal $backend.PSObject.Properties.Name 'BackendId', 'Protocol', 'ResourceId', 'Title', 'Description', 'Url', 'Properties',
        'Proxy', 'Credentials', 'ServiceFabricCluster', 'Id', 'ResourceGroupName', 'ServiceName' 'properties, in the order of Az''s type'
    Assert-Equal $backend.Id (Get-BackendResourceId 123) 'Id'
    Assert-Equal $backend.BackendId, $backend.ResourceGroupName, $backend.ServiceName '123', 'Api-Default-WestUS', 'contoso' 'names'
    Assert-Equal (Get-Sent) 'POST 123/reconnect', 'GET 123' 'sent'
}

Test 'credentials, proxy and checks have the shapes of Az' {
    Set-EmulatorBackend shapes @{ properties = @{
            url = 'https://contoso.com/'; protocol = 'http'; tls = @{ validateCertificateChain = $false; validateCertificateName = $true }
            credentials = @{ query = @{ q = @('1', '2') }; header = @{ h = @('3') }; authorization = @{ scheme = 'Basic'; parameter = 'x' } }
            proxy = @{ url = 'http://proxy.example:8080'; username = 'user'; password = 'pass' }
        }
    }
    $backend = Reset-AzApiManagementBackendConnection -Context $context -BackendId shapes -PassThru
    Assert-Equal $backend.Credentials.PSObject.TypeNames[0] "${Models}PsApiManagementBackendCredential" 'Credentials'
    Assert-True ($backend.Credentials.Query -is [hashtable]) 'Query is a hashtable'
    Assert-Equal $backend.Credentials.Query['q'] '1', '2' 'Query'
    Assert-Equal $backend.Credentials.Authorization.PSObject.TypeNames[0] "${Models}PsApiManagementAuthorizationHeaderCredential" 'Authorization'
    Assert-Equal $backend.Proxy.PSObject.TypeNames[0] "${Models}PsApiManagementBackendProxy" 'Proxy'
    Assert-Equal @($backend.Properties.Keys | Sort-Object) 'skipCertificateChainValidation', 'skipCertificateNameValidation' 'Properties'
    Assert-Equal $backend.Properties['skipCertificateChainValidation'] $true 'a check that is skipped'
    Assert-Equal $backend.ServiceFabricCluster $null 'ServiceFabricCluster'
    # Given again, it is the same.
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential $backend.Credentials -Proxy $backend.Proxy
    Assert-Contains @(Get-Sent)[2] '"credentials":{"query":{"q":["1","2"]},"header":{"h":["3"]},"authorization":{"scheme":"Basic","parameter":"x"}}'
}

Test 'the order of the input, also where the first answer comes last' {
    Add-Fault @{ match = '/backends/1/reconnect'; kind = 'latency'; ms = 400 }
    Add-Fault @{ match = '/backends/3?'; kind = 'latency'; ms = 200 }
    $given = foreach ($n in 1..50) { New-Backend $n }
    $output = $given | Reset-AzApiManagementBackendConnection -PassThru
    Assert-Equal $output.BackendId (1..50 | ForEach-Object { "$_" }) 'order'
}

Test 'those that failed are left out of the order' {
    $errors = $null
    $output = (New-Backend 1), (New-Backend nowhere), (New-Backend 2), (New-Backend 3 -Id nonsense), (New-Backend 4) |
        Reset-AzApiManagementBackendConnection -PassThru -ErrorAction SilentlyContinue -ErrorVariable errors
    Assert-Equal $output.BackendId '1', '2', '4' 'output'
    Assert-Equal $errors.FullyQualifiedErrorId 'ResourceNotFound,Reset-AzApiManagementBackendConnection', 'InvalidResourceId,Reset-AzApiManagementBackendConnection' 'errors'
}

Test 'output and errors come in turn' {
    $both = (New-Backend 1), (New-Backend nowhere), (New-Backend 2) | Reset-AzApiManagementBackendConnection -PassThru 2>&1
    Assert-Equal ($both | ForEach-Object { if ($_ -is [System.Management.Automation.ErrorRecord]) { 'error' } else { $_.BackendId } }) '1', 'error', '2' 'turn'
}

Test 'output goes down the pipeline while input still comes' {
    $script:first = $null
    & {
        New-Backend 1
        # Input goes on until the first output has come.
        foreach ($n in 2..20000) {
            if ($null -ne $script:first) {
                break
            }
            New-Backend $n
        }
        $script:given = $n
    } | Reset-AzApiManagementBackendConnection -PassThru | ForEach-Object { if ($null -eq $script:first) { $script:first = $_.BackendId } }
    Assert-Equal $script:first '1' 'first output'
    Assert-True ($script:given -lt 20000) 'it came before the end of the input'
}

Test 'by property name, row by row' {
    $output = [pscustomobject] @{ BackendId = '1'; PassThru = $true }, [pscustomobject] @{ BackendId = '2'; PassThru = $false },
    [pscustomobject] @{ BackendId = '3' } | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal $output.BackendId '1' 'output'
    Assert-Equal (Get-SentSorted) 'GET 1', 'POST 1/reconnect', 'POST 2/reconnect', 'POST 3/reconnect' 'sent'
}

Test 'a reset that was made and could not be read back is told as such' {
    Add-Fault @{ match = '/backends/5?'; method = 'GET'; status = 403; code = 'AuthorizationFailed'; message = 'no reading' }
    $problem = Assert-WritesError { New-Backend 5 | Reset-AzApiManagementBackendConnection -PassThru }
    Assert-Error $problem AuthorizationFailed PermissionDenied
    Assert-Contains $problem.Exception.Message 'connection was reset'
    Assert-Equal $problem.Exception.Data['ResetDone'] 'True' 'ResetDone'
    Assert-Equal (Get-Sent) 'POST 5/reconnect', 'GET 5' 'sent'
}

Test 'an answer that is no backend is an error' {
    Add-Fault @{ match = '/backends/5?'; method = 'GET'; status = 200; body = 'not JSON' }
    $problem = Assert-WritesError { New-Backend 5 | Reset-AzApiManagementBackendConnection -PassThru }
    Assert-Error $problem InvalidResponse InvalidResult
    Add-Fault @{ match = '/backends/5?'; method = 'GET'; status = 200; body = '[1]' }
    $problem = Assert-WritesError { New-Backend 5 | Reset-AzApiManagementBackendConnection -PassThru }
    Assert-Equal $problem.CategoryInfo.Category 'InvalidResult' 'category'
}

Test 'what it gives can be piped in again, and is not written back' {
    Set-EmulatorBackend again @{ properties = @{ url = 'https://contoso.com/'; protocol = 'soap'; proxy = @{ url = 'http://proxy.example:8080' } } }
    Reset-AzApiManagementBackendConnection -Context $context -BackendId again -PassThru | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'POST again/reconnect', 'GET again', 'POST again/reconnect' 'sent'
}

Test '-OutVariable, -PipelineVariable and assignment' {
    $out = $null
    $assigned = (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -PassThru -OutVariable out
    Assert-Equal $assigned.BackendId '1', '2' 'assigned'
    Assert-Equal $out.BackendId '1', '2' '-OutVariable'
    $seen = (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -PassThru -PipelineVariable current | ForEach-Object { $current.BackendId }
    Assert-Equal $seen '1', '2' '-PipelineVariable'
}
