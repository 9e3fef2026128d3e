# New-AzApiManagementContext: a context from names or from a resource id. Nobody is asked whether there is such a service.

. "$PSScriptRoot/Setup.ps1"

Import-Module AzApiManagement.Standalone

$serviceId = (Get-BackendResourceId 1) -replace '/backends/1$'
$subscription = '00000000-0000-0000-0000-000000000001'

# The call gives this context and sends nothing.
function Assert-Context {
    param([object] $Context, [string] $ResourceGroupName, [string] $ServiceName, [string] $SubscriptionId)

    Assert-Equal $Context.PSObject.TypeNames[0] "${Models}PsApiManagementContext" 'type name'
    $names = if ($SubscriptionId) { 'ResourceGroupName', 'ServiceName', 'SubscriptionId' } else { 'ResourceGroupName', 'ServiceName' }
    Assert-Equal $Context.PSObject.Properties.Name $names 'properties'
    if ($SubscriptionId) { Assert-Equal $Context.SubscriptionId $SubscriptionId 'subscription of the id' }
    Assert-Equal $Context.ResourceGroupName, $Context.ServiceName $ResourceGroupName, $ServiceName 'values'
    Assert-Equal (Get-Journal) @() 'sent'
}

# The binder refuses the call.
function Assert-NotBound {
    param([scriptblock] $Call, [string] $Id)

    $problem = Assert-Throws $Call
    Assert-Error $problem $Id $problem.CategoryInfo.Category New-AzApiManagementContext
}

Test 'from names' {
    Assert-Context (New-AzApiManagementContext -ResourceGroupName 'Api-Default-WestUS' -ServiceName 'contoso') 'Api-Default-WestUS' 'contoso'
}

Test 'from the id of the service, and of anything in it' {
    Assert-Context (New-AzApiManagementContext -ResourceId $serviceId) 'Api-Default-WestUS' 'contoso' $subscription
    Assert-Context (New-AzApiManagementContext -ResourceId (Get-BackendResourceId 1)) 'Api-Default-WestUS' 'contoso' $subscription
    Assert-Context (New-AzApiManagementContext -ResourceId "$serviceId/") 'Api-Default-WestUS' 'contoso' $subscription
}

Test 'from an id in other letter case; the names are as the id has them' {
    Assert-Context (New-AzApiManagementContext -ResourceId $serviceId.ToUpperInvariant()) 'API-DEFAULT-WESTUS' 'CONTOSO' $subscription
}

Test 'an id of something else is an error' {
    foreach ($id in 'nonsense', 'contoso', '/subscriptions', $serviceId.Substring(1), "x$serviceId", " $serviceId", ($serviceId -replace '/service/contoso$'),
        ($serviceId -replace 'contoso$'), $serviceId.Replace('Microsoft.ApiManagement', 'Microsoft.Web'), $serviceId.Replace('Microsoft.', 'MicrosoftX'),
        $serviceId.Replace('/resourceGroups/Api-Default-WestUS', ''), $serviceId.Replace('Api-Default-WestUS', ''), "$serviceId`n",
        $serviceId.Replace('contoso', '1contoso'), $serviceId.Replace('contoso', 'a' * 51), $serviceId.Replace('Api-Default-WestUS', 'a b'),
        $serviceId.Replace('Api-Default-WestUS', 'ends.'), ($serviceId -replace '00000000-0000-0000-0000-0000000000', 'x')) {
        $problem = Assert-WritesError { New-AzApiManagementContext -ResourceId $id }
        Assert-Error $problem InvalidResourceId InvalidArgument New-AzApiManagementContext
        Assert-True ($problem.Exception -is [ArgumentException]) 'the exception is an ArgumentException, as with Az'
        Assert-Contains $problem.Exception.Message "'$id'"
        Assert-Equal $problem.TargetObject $id 'target of the error'
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'names that are null or empty do not bind' {
    Assert-NotBound { New-AzApiManagementContext -ResourceGroupName '' -ServiceName contoso } ParameterArgumentValidationError
    Assert-NotBound { New-AzApiManagementContext -ResourceGroupName $null -ServiceName contoso } ParameterArgumentValidationError
    Assert-NotBound { New-AzApiManagementContext -ResourceGroupName group -ServiceName '' } ParameterArgumentValidationError
    Assert-NotBound { New-AzApiManagementContext -ResourceId '' } ParameterArgumentValidationErrorEmptyStringNotAllowed
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'names and an id together do not bind' {
    Assert-NotBound { New-AzApiManagementContext -ResourceGroupName group -ServiceName contoso -ResourceId $serviceId } AmbiguousParameterSet
}

Test 'rows with names and rows with ids' {
    $rows = [pscustomobject] @{ ResourceGroupName = 'one'; ServiceName = 'a' }, [pscustomobject] @{ ResourceGroupName = 'two'; ServiceName = 'b' }
    $contexts = @($rows | New-AzApiManagementContext)
    Assert-Equal $contexts.Count 2 'contexts'
    Assert-Context $contexts[0] 'one' 'a'
    Assert-Context $contexts[1] 'two' 'b'
    Assert-Context ([pscustomobject] @{ ResourceId = $serviceId } | New-AzApiManagementContext) 'Api-Default-WestUS' 'contoso' $subscription
}

Test 'a row with a bad id leaves the others alone' {
    $contexts = $null
    $problem = Assert-WritesError {
        [pscustomobject] @{ ResourceId = $serviceId }, [pscustomobject] @{ ResourceId = 'nonsense' }, [pscustomobject] @{ ResourceId = $serviceId } |
            New-AzApiManagementContext -OutVariable script:contexts
    }
    Assert-Error $problem InvalidResourceId InvalidArgument New-AzApiManagementContext
    Assert-Equal $script:contexts.ServiceName 'contoso', 'contoso' 'contexts'
}

Test 'a backend that is piped in gives the context of its service' {
    Assert-Context (New-Backend 1 | New-AzApiManagementContext) 'Api-Default-WestUS' 'contoso'
}

Test '-ErrorAction and the preference of the calling function count' {
    Assert-Error (Assert-Throws { New-AzApiManagementContext -ResourceId nonsense -ErrorAction Stop }) InvalidResourceId InvalidArgument New-AzApiManagementContext
    function Invoke-Strictly { $ErrorActionPreference = 'Stop'; New-AzApiManagementContext -ResourceId nonsense }
    Assert-Error (Assert-Throws { Invoke-Strictly }) InvalidResourceId InvalidArgument New-AzApiManagementContext
    $failed = $null
    Assert-Equal @(New-AzApiManagementContext -ResourceId nonsense -ErrorAction SilentlyContinue -ErrorVariable failed) @() 'output'
    Assert-Error $failed[0] InvalidResourceId InvalidArgument New-AzApiManagementContext
}

Test '-DefaultProfile and its aliases are taken, and change nothing' {
    Assert-Context (New-AzApiManagementContext -ResourceGroupName group -ServiceName contoso -DefaultProfile 'any') 'group' 'contoso'
    Assert-Context (New-AzApiManagementContext -ResourceId $serviceId -AzContext 'any') 'Api-Default-WestUS' 'contoso' $subscription
    Assert-Context (New-AzApiManagementContext -ResourceId $serviceId -AzureRmContext $null) 'Api-Default-WestUS' 'contoso' $subscription
    Assert-Context (New-AzApiManagementContext -ResourceId $serviceId -AzureCredential 'any') 'Api-Default-WestUS' 'contoso' $subscription
}

Test 'the context is taken by the cmdlets that need one' {
    $context = New-AzApiManagementContext -ResourceId $serviceId
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1
    Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 2).BackendId '2' 'backend'
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'GET 2' 'sent'
}

Test 'a context of an id keeps its subscription, and the cmdlets use it' {
    $context = New-AzApiManagementContext -ResourceId $serviceId
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = '00000000-0000-0000-0000-000000000009' } {
        Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 2).Id (Get-BackendResourceId 2) 'backend'
        Assert-Equal @(Get-AzApiManagementBackend -Context $context).Count 20000 'backends of the list'
        $null = Invoke-Control DELETE journal
        Reset-AzApiManagementBackendConnection -Context $context -BackendId 1
        New-Backend 2 'Deserialized.' | Reset-AzApiManagementBackendConnection -Context $context
    }
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = $null } {
        Reset-AzApiManagementBackendConnection -Context $context -BackendId 3
    }
    Assert-Equal (Get-Journal).status 202, 202, 202 'answers'
}

Test 'a context of names uses the current subscription' {
    $context = New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso
    Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 2).Id (Get-BackendResourceId 2) 'backend'
}

Test 'the id of a workspace is an error that says how to name its backends' {
    foreach ($id in "$serviceId/workspaces/team", "$serviceId/workspaces/team/backends/1") {
        $problem = Assert-WritesError { New-AzApiManagementContext -ResourceId $id }
        Assert-Error $problem InvalidResourceId InvalidArgument New-AzApiManagementContext
        Assert-Contains $problem.Exception.Message 'Get-AzApiManagementBackend -ResourceId'
    }
}
