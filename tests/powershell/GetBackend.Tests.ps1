# Emulator: {"backends":250}
#
# Get-AzApiManagementBackend: one backend or all of them, page by page, what it is refused for, and what its objects are good for.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/AllStreams.ps1"
. "$PSScriptRoot/Runspace.ps1"

Import-Module AzApiManagement.Standalone

$context = New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso
$command = 'Get-AzApiManagementBackend'
$all = 1..250 | ForEach-Object { "$_" }

# What was sent to a list, in short: the query of each page.
function Get-Pages {
    foreach ($entry in Get-Journal) {
        Assert-Equal $entry.method 'GET' 'method'
        $entry.path.Split('/backends')[-1]
    }
}

$first = '?api-version=2024-05-01'
$second = '?api-version=2024-05-01&%24skip=100'
$third = '?api-version=2024-05-01&%24skip=200'

# Az's mapping makes an empty array of a list that the service does not have.
function Assert-EmptyArray {
    param([object] $Value, [string] $What)

    Assert-True ($Value -is [string[]] -and $Value.Length -eq 0) "$What is an empty array: $Value"
}

# The call writes this error and sends nothing.
function Assert-Refused {
    param([scriptblock] $Call, [string] $Id, [string] $Named)

    $problem = Assert-WritesError $Call
    Assert-Error $problem $Id InvalidArgument $command
    Assert-True ($problem.Exception -is [ArgumentException]) 'the exception is an ArgumentException, as with Az'
    Assert-Contains $problem.Exception.Message $Named
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'one backend by its name' {
    $backend = Get-AzApiManagementBackend -Context $context -BackendId 123
    Assert-Equal $backend.BackendId, $backend.Id '123', (Get-BackendResourceId 123) 'backend'
    Assert-Equal (Get-Journal).path "$(Get-BackendResourceId 123)?api-version=2024-05-01" 'sent'
}

Test 'one backend by its resource id, in any letter case' {
    Assert-Equal (Get-AzApiManagementBackend -ResourceId (Get-BackendResourceId 7)).BackendId '7' 'backend'
    Assert-Equal (Get-AzApiManagementBackend -ResourceId (Get-BackendResourceId 7).ToUpperInvariant()).BackendId '7' 'backend'
    Assert-Equal (Get-AzApiManagementBackend -ResourceId (Get-BackendResourceId 7) -BackendId 7).BackendId '7' 'backend'
    Assert-Equal (Get-Sent) 'GET 7', 'GET 7', 'GET 7' 'sent'
}

Test 'all backends, over as many pages as there are' {
    $backends = @(Get-AzApiManagementBackend -Context $context)
    Assert-Equal $backends.BackendId $all 'backends, in the order of the service'
    Assert-Equal (Get-Pages) $first, $second, $third 'pages'
}

Test 'an empty name is as good as none' {
    Assert-Equal @(Get-AzApiManagementBackend -Context $context -BackendId '').Count 250 'backends'
    Assert-Equal @(Get-AzApiManagementBackend -Context $context -BackendId $null).Count 250 'backends'
    Assert-Equal @([pscustomobject] @{ BackendId = '' } | Get-AzApiManagementBackend -Context $context).Count 250 'backends'
}

Test 'a page is output before the next one is asked for' {
    $pages = @{}
    Get-AzApiManagementBackend -Context $context | ForEach-Object { if ($_.BackendId -in '1', '100', '101', '201') { $pages[$_.BackendId] = @(Get-Journal).Count } }
    Assert-Equal $pages['1'], $pages['100'], $pages['101'], $pages['201'] 1, 1, 2, 3 'pages asked for by the time that a backend comes'
}

Test 'a later command that wants no more is not asked for more pages' {
    :all do { Get-AzApiManagementBackend -Context $context | ForEach-Object { $seen = $_; break all } } while ($false)
    Assert-Equal $seen.BackendId '1' 'backend'
    Assert-Equal (Get-Pages) $first 'pages'
    # Nothing of it is left over for the next call.
    Assert-Equal @(Get-AzApiManagementBackend -Context $context).Count 250 'backends of the next call'
}

Test 'a later command that fails ends it with its own error' {
    $problem = Assert-Throws { Get-AzApiManagementBackend -Context $context | ForEach-Object { throw 'enough' } }
    Assert-Equal $problem.Exception.Message 'enough' 'error'
    Assert-Equal (Get-Pages) $first 'pages'
}

Test 'a service without backends gives nothing' {
    Add-Fault @{ match = '/backends?'; status = 200; body = @{ value = @(); count = 0 } }
    Assert-Equal @(Get-AzApiManagementBackend -Context $context) @() 'output'
    Assert-Equal (Get-Pages) $first 'pages'
}

Test 'pages without backends, and a link that is empty' {
    $next = "$env:AZURE_RESOURCE_MANAGER_ENDPOINT$(Get-BackendResourceId '')"
    $next = $next.TrimEnd('/') + '?api-version=2024-05-01&next=1'
    Add-Fault @{ match = '/backends?'; status = 200; body = @{ value = @(); nextLink = $next } }
    Add-Fault @{ match = '/backends?'; status = 200; body = @{ value = @(@{ id = Get-BackendResourceId last; name = 'last' }); nextLink = '' } }
    Assert-Equal @(Get-AzApiManagementBackend -Context $context).BackendId 'last' 'output'
    Assert-Equal (Get-Pages) $first, '?api-version=2024-05-01&next=1' 'pages'
}

Test 'contexts that are piped in, and rows that bring one' {
    Assert-Equal @($context, $context | Get-AzApiManagementBackend).BackendId ($all + $all) 'backends'
    Assert-Equal @([pscustomobject] @{ Context = $context; BackendId = '5' } | Get-AzApiManagementBackend).BackendId '5' 'backend of a row'
}

Test 'rows with names, and rows with resource ids, in their order' {
    $rows = foreach ($n in 150..1) { [pscustomobject] @{ BackendId = "$n" } }
    Assert-Equal @($rows | Get-AzApiManagementBackend -Context $context).BackendId @(150..1 | ForEach-Object { "$_" }) 'backends by name'
    $rows = foreach ($n in 3..1) { [pscustomobject] @{ ResourceId = Get-BackendResourceId $n } }
    Assert-Equal @($rows | Get-AzApiManagementBackend).BackendId '3', '2', '1' 'backends by id'
}

Test 'its objects have the shape of Az, with all that the service said' {
    Set-FullBackend 200
    $backend = Get-AzApiManagementBackend -Context $context -BackendId 200
    Assert-Equal $backend.PSObject.TypeNames[0] "${Models}PsApiManagementBackend" 'type name'
    Assert-Equal $backend.PSObject.Properties.Name 'BackendId', 'Protocol', 'ResourceId', 'Title', 'Description', 'Url', 'Properties',
        'Proxy', 'Credentials', 'ServiceFabricCluster', 'Id', 'ResourceGroupName', 'ServiceName' 'properties, in the order of Az''s type'
    Assert-Equal $backend.Id, $backend.BackendId, $backend.ResourceGroupName, $backend.ServiceName (Get-BackendResourceId 200), '200', 'Api-Default-WestUS', 'contoso' 'names'
    Assert-Equal $backend.Url, $backend.Protocol, $backend.Title, $backend.Description, $backend.ResourceId 'https://full.example/api', 'http', 'full', 'described', 'https://management.azure.com/x' 'texts'
    Assert-True ($backend.Properties -is [System.Collections.Generic.IDictionary[string, object]]) 'Properties is a dictionary'
    Assert-Equal $backend.Properties['skipCertificateChainValidation'], $backend.Properties['skipCertificateNameValidation'] $true, $false 'checks'
}

Test 'the objects inside of a backend have the shapes of Az' {
    Set-FullBackend 200
    $backend = Get-AzApiManagementBackend -ResourceId (Get-BackendResourceId 200)
    Assert-Equal $backend.Proxy.PSObject.TypeNames[0] "${Models}PsApiManagementBackendProxy" 'type name of Proxy'
    Assert-Equal $backend.Proxy.PSObject.Properties.Name 'Url', 'ProxyCredentials' 'properties of Proxy'
    Assert-Equal $backend.Proxy.ProxyCredentials.UserName, $backend.Proxy.ProxyCredentials.GetNetworkCredential().Password 'user', 'pass' 'credential of the proxy'
    Assert-Equal $backend.Credentials.PSObject.TypeNames[0] "${Models}PsApiManagementBackendCredential" 'type name of Credentials'
    Assert-Equal $backend.Credentials.PSObject.Properties.Name 'Certificate', 'Query', 'Header', 'Authorization' 'properties of Credentials'
    Assert-Equal $backend.Credentials.Certificate 'thumb' 'Certificate'
    Assert-True ($backend.Credentials.Query -is [hashtable] -and $backend.Credentials.Query['q'] -is [object[]]) 'Query is a hashtable of arrays'
    Assert-Equal $backend.Credentials.Query['q'] '1', '2' 'Query'
    Assert-Equal $backend.Credentials.Header['h'] '3' 'Header'
    Assert-Equal $backend.Credentials.Authorization.PSObject.TypeNames[0] "${Models}PsApiManagementAuthorizationHeaderCredential" 'type name of Authorization'
    Assert-Equal $backend.Credentials.Authorization.Scheme, $backend.Credentials.Authorization.Parameter 'Basic', 'x' 'Authorization'
    $cluster = $backend.ServiceFabricCluster
    Assert-Equal $cluster.PSObject.TypeNames[0] "${Models}PsApiManagementServiceFabric" 'type name of ServiceFabricCluster'
    Assert-Equal $cluster.PSObject.Properties.Name 'ClientCertificateThumbprint', 'ClientCertificateId', 'MaxPartitionResolutionRetries',
        'ManagementEndpoints', 'ServerX509Names', 'ServerCertificateThumbprint' 'properties of ServiceFabricCluster'
    Assert-Equal $cluster.ClientCertificateThumbprint, $cluster.ClientCertificateId, $cluster.MaxPartitionResolutionRetries 'client-thumb', 'cert-id', 5 'client'
    Assert-Equal $cluster.ManagementEndpoints 'https://sf.example:19080' 'ManagementEndpoints'
    Assert-Equal $cluster.ServerX509Names['name'] 'issuer' 'ServerX509Names'
    Assert-Equal $cluster.ServerCertificateThumbprint 'server-thumb' 'ServerCertificateThumbprint'
}

Test 'what a backend does not have is null' {
    Add-Fault @{ match = '/backends/pool?'; status = 200; body = @{ id = Get-BackendResourceId pool; name = 'pool'; properties = @{ type = 'Pool'; pool = @{ services = @() } } } }
    $backend = Get-AzApiManagementBackend -Context $context -BackendId pool
    Assert-Equal $backend.BackendId 'pool' 'BackendId'
    foreach ($name in 'Protocol', 'ResourceId', 'Title', 'Description', 'Url', 'Properties', 'Proxy', 'Credentials', 'ServiceFabricCluster') {
        Assert-Equal $backend.$name $null $name
    }
}

Test 'the backends of a list are the same as those that are read one by one' {
    $listed = @(Get-AzApiManagementBackend -Context $context)[41]
    $read = Get-AzApiManagementBackend -Context $context -BackendId 42
    Assert-Equal (ConvertTo-Json $listed -Depth 5) (ConvertTo-Json $read -Depth 5) 'backend'
    Assert-Equal $listed.PSObject.TypeNames[0] $read.PSObject.TypeNames[0] 'type name'
}

Test 'a backend that is not there' {
    $problem = Assert-WritesError { Get-AzApiManagementBackend -Context $context -BackendId nowhere }
    Assert-Error $problem ResourceNotFound ObjectNotFound $command
    Assert-Equal $problem.TargetObject 'nowhere' 'target of the error'
    Assert-Equal $problem.Exception.Data['Status'], $problem.Exception.Data['Step'] 404, 'get' 'data'
    Assert-True ($problem.Exception.Message -match '\r?\nError Code: ResourceNotFound\r?\nError Message: .+\r?\nRequest Id: .+') "lines of Az: $($problem.Exception.Message)"
    Assert-Equal (Get-Sent) 'GET nowhere' 'sent'
}

Test 'a backend that is not there leaves the others alone' {
    $backends = $null
    $rows = '1', 'nowhere', '3' | ForEach-Object { [pscustomobject] @{ BackendId = $_ } }
    $problem = Assert-WritesError { $rows | Get-AzApiManagementBackend -Context $context -OutVariable script:backends }
    Assert-Error $problem ResourceNotFound ObjectNotFound $command
    Assert-Equal $script:backends.BackendId '1', '3' 'backends'
}

Test 'a service that is not there' {
    $problem = Assert-WritesError { Get-AzApiManagementBackend -Context (New-Context -ServiceName nobody) }
    Assert-Equal $problem.CategoryInfo.Category 'ObjectNotFound' 'category'
    Assert-Equal @(Get-Journal).Count 1 'requests'
}

Test 'a context in the middle that fails leaves the others alone' {
    $backends = $null
    $problem = Assert-WritesError { $context, (New-Context -ServiceName nobody), $context | Get-AzApiManagementBackend -OutVariable script:backends }
    Assert-Equal $problem.TargetObject.ServiceName 'nobody' 'target of the error'
    Assert-Equal $script:backends.Count 500 'backends'
}

Test 'names that cannot be are refused, and nothing is sent' {
    Assert-Refused { Get-AzApiManagementBackend -Context $context -BackendId ' ' } InvalidBackendId "' '"
    Assert-Refused { Get-AzApiManagementBackend -Context $context -BackendId 'a/b' } InvalidBackendId "'a/b'"
    Assert-Refused { Get-AzApiManagementBackend -Context $context -BackendId '..' } InvalidBackendId "'..'"
    Assert-Refused { Get-AzApiManagementBackend -Context $context -BackendId ('x' * 81) } InvalidBackendId ('x' * 81)
    foreach ($one in @{}, @{ BackendId = '1' }) {
        Assert-Refused { Get-AzApiManagementBackend -Context (New-Context -ServiceName '1abc') @one } InvalidServiceName "'1abc'"
        Assert-Refused { Get-AzApiManagementBackend -Context (New-Context -ResourceGroupName 'ends.') @one } InvalidResourceGroupName "'ends.'"
        Assert-Refused { Get-AzApiManagementBackend -Context ([pscustomobject] @{ PSTypeName = "${Models}PsApiManagementContext" }) @one } InvalidResourceGroupName "''"
    }
}

Test 'a resource id of something else is refused, and nothing is sent' {
    $right = Get-BackendResourceId 1
    foreach ($bad in 'nonsense', ($right -replace '/backends/1$'), "$right/reconnect", "$right/", $right.Replace('/backends/', '/apis/')) {
        Assert-Refused { Get-AzApiManagementBackend -ResourceId $bad } InvalidResourceId "'$bad'"
    }
    Assert-Refused { Get-AzApiManagementBackend -ResourceId $right.Replace('backends/1', 'backends/a+b') } InvalidBackendId "'a+b'"
    Assert-Refused { Get-AzApiManagementBackend -ResourceId $right.Replace('000000000001', 'x') } InvalidSubscriptionId 'x'
    Assert-Refused { Get-AzApiManagementBackend -ResourceId $right -BackendId 2 } BackendIdMismatch "'2'"
}

Test 'what does not bind' {
    foreach ($call in { Get-AzApiManagementBackend -Context $null }, { Get-AzApiManagementBackend -Context 'contoso' }, { Get-AzApiManagementBackend -ResourceId '' },
        { Get-AzApiManagementBackend -Context ([pscustomobject] @{ ResourceGroupName = 'a'; ServiceName = 'b' }) }, { Get-AzApiManagementBackend -BackendId 1 -Context (New-Backend 1) },
        { Get-AzApiManagementBackend -Context $context -ResourceId (Get-BackendResourceId 1) }) {
        $problem = Assert-Throws $call
        Assert-True ($problem.Exception -is [System.Management.Automation.ParameterBindingException]) "the binder refuses it: $($problem.Exception.Message)"
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a page that is refused ends the list with its error; what came before was output' {
    Add-Fault @{ match = 'skip=100'; status = 403; code = 'AuthorizationFailed' }
    $backends = $null
    $problem = Assert-WritesError { Get-AzApiManagementBackend -Context $context -OutVariable script:backends }
    Assert-Error $problem AuthorizationFailed PermissionDenied $command
    Assert-True ([object]::ReferenceEquals($problem.TargetObject, $context)) 'the target of the error is the context'
    Assert-Equal $script:backends.Count 100 'backends'
    Assert-Equal (Get-Pages) $first, $second 'pages'
}

Test 'a page that may pass is tried again' {
    Add-Fault @{ match = 'skip=100'; status = 503 }
    Add-Fault @{ match = 'skip=200'; kind = 'reset' }
    Assert-Equal @(Get-AzApiManagementBackend -Context $context).BackendId $all 'backends'
    Assert-Equal @(Get-Pages).Count 5 'pages'
}

Test 'an answer that is no page of backends is an error' {
    foreach ($body in 'not JSON', '{}', '[]', '{"value":null}', '{"value":5}', '{"value":{"id":"x"}}', '{"value":[1]}', '{"value":[null]}', '{"value":[[]]}', '{"value":[],"nextLink":5}') {
        Add-Fault @{ match = '/backends?'; status = 200; body = $body }
        $problem = Assert-WritesError { Get-AzApiManagementBackend -Context $context }
        Assert-Error $problem InvalidResponse InvalidResult $command
        Assert-Equal @(Get-Journal).Count 1 "requests: $body"
        $null = Invoke-Control DELETE journal
    }
}

Test 'an answer that is no backend is an error' {
    foreach ($body in 'not JSON', '[]', '5', 'null') {
        Add-Fault @{ match = '/backends/1?'; status = 200; body = $body }
        Assert-Error (Assert-WritesError { Get-AzApiManagementBackend -Context $context -BackendId 1 }) InvalidResponse InvalidResult $command
    }
}

Test 'members of another kind than documented are as good as left out' {
    Add-Fault @{
        match = '/backends/odd?'; status = 200; body = @{
            id = Get-BackendResourceId odd; name = 'odd'; properties = @{
                url = 5; title = @('a'); protocol = 'http'; proxy = 'text'; tls = @{ validateCertificateChain = 'text'; validateCertificateName = $true }
                credentials = @{ query = 'text'; header = @{ h = 'text' }; certificate = 'text'; authorization = 'text' }
                properties = @{ serviceFabricCluster = @{ maxPartitionResolutionRetries = 'text'; managementEndpoints = 5; serverX509Names = 'text'; clientCertificateId = 'cert-id' } }
            }
        }
    }
    $backend = Get-AzApiManagementBackend -Context $context -BackendId odd
    Assert-Equal $backend.Protocol, $backend.Url, $backend.Title 'http', $null, $null 'texts'
    Assert-Equal $backend.Proxy $null 'Proxy'
    Assert-Equal @($backend.Properties.Keys) 'skipCertificateNameValidation' 'checks'
    Assert-Equal $backend.Credentials.Query, $backend.Credentials.Authorization $null, $null 'Credentials'
    Assert-EmptyArray $backend.Credentials.Certificate 'Certificate'
    $cluster = $backend.ServiceFabricCluster
    Assert-Equal $cluster.MaxPartitionResolutionRetries, $cluster.ServerX509Names, $cluster.ClientCertificateId $null, $null, 'cert-id' 'cluster'
    Assert-EmptyArray $cluster.ManagementEndpoints 'ManagementEndpoints'
    Assert-EmptyArray $cluster.ServerCertificateThumbprint 'ServerCertificateThumbprint'
    Assert-Equal $cluster.ClientCertificateThumbprint $null 'thumbprint, which the service did not tell'
}

Test 'a link to another address is not followed: the token would go there' {
    foreach ($link in "$env:TEST_CONTROL$(Get-BackendResourceId 2)?api-version=2024-05-01", "$(Get-BackendResourceId 2)?api-version=2024-05-01",
        "$env:AZURE_RESOURCE_MANAGER_ENDPOINT/metadata/endpoints") {
        Add-Fault @{ match = '/backends?'; status = 200; body = @{ value = @(@{ id = Get-BackendResourceId 1; name = '1' }); nextLink = $link } }
        $backends = $null
        $problem = Assert-WritesError { Get-AzApiManagementBackend -Context $context -OutVariable script:backends }
        Assert-Contains $problem.Exception.Message $link
        Assert-Equal $script:backends.BackendId '1' 'backends of the page before'
        Assert-Equal (Get-Pages) $first 'pages'
        $null = Invoke-Control DELETE journal
    }
}

Test 'a token that is refused ends the call: every item would meet it' {
    Add-Fault @{ status = 401; times = 100 }
    $rows = [pscustomobject] @{ BackendId = '1' }, [pscustomobject] @{ BackendId = '2' }
    $problem = Assert-Throws { $rows | Get-AzApiManagementBackend -Context $context }
    Assert-Equal $problem.CategoryInfo.Category 'AuthenticationError' 'category'
    Assert-NotContains "$($problem.Exception)" $env:AZURE_ACCESS_TOKEN
}

Test 'no subscription ends a call with a context; a resource id names its own' {
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = $null } {
        Assert-Error (Assert-Throws { Get-AzApiManagementBackend -Context $context }) SubscriptionNotFound InvalidArgument $command
        Assert-Error (Assert-Throws { Get-AzApiManagementBackend -Context $context -BackendId 1 }) SubscriptionNotFound InvalidArgument $command
        Assert-Equal (Get-Journal) @() 'sent'
        Assert-Equal (Get-AzApiManagementBackend -ResourceId (Get-BackendResourceId 1)).BackendId '1' 'backend'
    }
}

Test 'plain http to another machine, and a variable that cannot be used, end the call' {
    Use-Environment @{ AZURE_RESOURCE_MANAGER_ENDPOINT = 'http://management.example' } {
        Assert-Error (Assert-Throws { Get-AzApiManagementBackend -Context $context }) InsecureEndpoint SecurityError $command
    }
    Use-Environment @{ AZAPIM_WINDOW = 'wide' } {
        Assert-Contains (Assert-Throws { Get-AzApiManagementBackend -Context $context }).Exception.Message 'AZAPIM_WINDOW'
    }
    Assert-Equal @(Get-AzApiManagementBackend -Context $context).Count 250 'backends of the next call'
}

Test '-ErrorAction and the preference of the calling function count' {
    Assert-Error (Assert-Throws { Get-AzApiManagementBackend -Context $context -BackendId nowhere -ErrorAction Stop }) ResourceNotFound ObjectNotFound $command
    function Invoke-Strictly { $ErrorActionPreference = 'Stop'; Get-AzApiManagementBackend -Context $context -BackendId nowhere }
    Assert-Error (Assert-Throws { Invoke-Strictly }) ResourceNotFound ObjectNotFound $command
    $failed = $null
    Assert-Equal @(Get-AzApiManagementBackend -Context $context -BackendId nowhere -ErrorAction SilentlyContinue -ErrorVariable failed) @() 'output'
    Assert-Equal $failed.Count 1 'errors'
    Assert-Error $failed[0] ResourceNotFound ObjectNotFound $command
    $Error.Clear()
    Get-AzApiManagementBackend -Context $context -BackendId nowhere -ErrorAction Ignore
    Assert-Equal $Error.Count 0 'errors that -ErrorAction Ignore leaves'
}

Test '-Verbose and -Debug tell of it; without them nothing is told' {
    Assert-Equal @(Get-AzApiManagementBackend -Context $context *>&1).Count 250 'objects on all streams'
    $told = @(Get-AzApiManagementBackend -Context $context -BackendId 1 -Verbose *>&1)
    $verbose = $told.Where({ $_ -is [System.Management.Automation.VerboseRecord] }).Message
    Assert-Equal @($verbose -match 'AZURE_ACCESS_TOKEN').Count 1 "lines that name the source: $verbose"
    $told = @(Get-AzApiManagementBackend -Context $context -Debug *>&1)
    $debug = $told.Where({ $_ -is [System.Management.Automation.DebugRecord] }).Message
    Assert-Equal @($debug -match 'HTTP REQUEST').Count 3 'requests'
    Assert-Equal @($debug -match 'HTTP RESPONSE').Count 3 'answers'
    Assert-Contains @($debug -match 'HTTP REQUEST')[1] $second
}

Test 'secrets are in no stream' {
    $secrets = 'secret-in-a-header', 'secret-in-a-query', 'secret-in-an-authorization', 'secret-of-a-proxy', $env:AZURE_ACCESS_TOKEN
    Set-EmulatorBackend 201 @{ properties = @{
            url = 'https://contoso.com/'; protocol = 'http'
            credentials = @{ header = @{ 'x-key' = @($secrets[0]) }; query = @{ key = @($secrets[1]) }; authorization = @{ scheme = 'Basic'; parameter = $secrets[2] } }
            proxy = @{ url = 'http://proxy.example:8080'; username = 'user'; password = $secrets[3] }
        }
    }
    $backend = Get-AzApiManagementBackend -Context $context -BackendId 201
    Assert-Equal $backend.Credentials.Header['x-key'] $secrets[0] 'the object has what the service told'
    Add-Fault @{ match = '/backends/refused'; status = 403; times = 1 }
    foreach ($call in { $null = Get-AzApiManagementBackend -Context $context -BackendId 201 -Verbose -Debug }, { $null = Get-AzApiManagementBackend -Context $context -Verbose -Debug },
        { Get-AzApiManagementBackend -Context $context -BackendId refused -Verbose -Debug }) {
        $text = Get-Everything $call
        Assert-Contains $text 'HTTP RESPONSE'
        foreach ($secret in $secrets) {
            Assert-NotContains $text $secret
        }
    }
}

Test 'a stopped pipeline ends a request that is never answered' {
    Add-Fault @{ match = '/backends?'; kind = 'stall' }
    $running = Start-Runspace 'Import-Module AzApiManagement.Standalone; Get-AzApiManagementBackend -Context $context'
    Wait-Until { @(Get-Journal).Count -eq 1 } 'the request'
    $running.Shell.Stop()
    Wait-Until { (Get-EmulatorStats).running -eq 0 } 'the end of the request'
    Assert-Equal $running.Output.Count 0 'output'
}

Test 'progress is shown while a page is waited for, and the one before has been output' {
    Add-Fault @{ match = 'skip=100'; kind = 'stall' }
    $running = Start-Runspace 'Import-Module AzApiManagement.Standalone; Get-AzApiManagementBackend -Context $context'
    Wait-Until { @($running.Shell.Streams.Progress).Activity -contains 'Reading pages of backends' } 'progress'
    Assert-Equal $running.Output.Count 100 'backends'
    $running.Shell.Stop()
}

Test 'what it gives is piped into a reset, and nothing is written back' {
    Set-FullBackend 200
    Get-AzApiManagementBackend -Context $context -BackendId 200 | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'GET 200', 'POST 200/reconnect' 'sent'
}

Test 'each backend of a list is reset once, the list being read meanwhile' {
    Get-AzApiManagementBackend -Context $context | Reset-AzApiManagementBackendConnection -TimeUntilReset 5
    $resets = @(Get-SentSorted).Where({ $_.StartsWith('POST ') })
    $expected = [string[]] @(foreach ($id in $all) { "POST $id/reconnect {`"properties`":{`"after`":`"PT5S`"}}" })
    [array]::Sort($expected, [StringComparer]::Ordinal)
    Assert-Equal $resets $expected 'resets'
}

Test 'the backends of a list that went through CliXml are reset with a context, and nothing is written back' {
    Set-FullBackend 200
    foreach ($depth in 1, 2, 3, 5) {
        $text = [System.Management.Automation.PSSerializer]::Serialize(@(Get-AzApiManagementBackend -Context $context -BackendId 200; Get-AzApiManagementBackend -Context $context -BackendId 2), $depth)
        $backends = [System.Management.Automation.PSSerializer]::Deserialize($text)
        Assert-Equal $backends[0].PSObject.TypeNames[0] "Deserialized.${Models}PsApiManagementBackend" 'type name'
        $null = Invoke-Control DELETE journal
        $backends | Reset-AzApiManagementBackendConnection -Context $context
        Assert-Equal (Get-SentSorted) 'POST 2/reconnect', 'POST 200/reconnect' "sent, by objects of depth $depth"
    }
}

Test 'credentials and proxy of a backend are given to another' {
    Set-FullBackend 200
    $backend = Get-AzApiManagementBackend -Context $context -BackendId 200
    $null = Invoke-Control DELETE journal
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential $backend.Credentials -Proxy $backend.Proxy
    Assert-Equal @(Get-Sent)[0] ('PATCH 1 {"properties":{"credentials":{"certificateIds":["thumb"],"query":{"q":["1","2"]},"header":{"h":["3"]},' +
        '"authorization":{"scheme":"Basic","parameter":"x"}},"proxy":{"url":"http://proxy.example:8080","username":"user","password":"pass"}}}') 'sent'
}

Test 'what it gives can be given to it again' {
    Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 5 | Get-AzApiManagementBackend -Context $context).BackendId '5' 'backend'
    Assert-Equal (Get-Sent) 'GET 5', 'GET 5' 'sent'
}

Test 'two listings in one pipeline, one for each backend of the other' {
    $count = @(Get-AzApiManagementBackend -Context $context | ForEach-Object { if ($_.BackendId -in '1', '150') { Get-AzApiManagementBackend -Context $context } }).Count
    Assert-Equal $count 500 'backends'
}
