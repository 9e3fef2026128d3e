# Input that cannot be used: each kind has an error of its own that names the value, and nothing is sent, not even for the
# token. What is wrong with one item leaves the others alone; what no item could be sent with ends the call.

. "$PSScriptRoot/Setup.ps1"

$context = New-Context

# The call writes this error and sends nothing.
function Assert-Refused {
    param([scriptblock] $Call, [string] $Id, [string] $Named)

    $problem = Assert-WritesError $Call
    Assert-Error $problem $Id InvalidArgument
    Assert-True ($problem.Exception -is [ArgumentException]) 'the exception is an ArgumentException, as with Az'
    Assert-Contains $problem.Exception.Message $Named
    Assert-Equal (Get-Journal) @() 'sent'
    # With -WhatIf, too, it is an error.
    $problem = Assert-WritesError ([scriptblock]::Create("`$PSDefaultParameterValues = @{ 'Reset-Az*:WhatIf' = `$true }; $Call"))
    Assert-Error $problem $Id InvalidArgument
}

# The call ends with this error and sends nothing.
function Assert-Ends {
    param([scriptblock] $Call, [string] $Id, [string] $Named)

    $problem = Assert-Throws $Call
    Assert-Error $problem $Id InvalidArgument
    Assert-Contains $problem.Exception.Message $Named
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a negative TimeUntilReset' {
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -TimeUntilReset -1 } InvalidTimeUntilReset '-1'
    Assert-Ends { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -TimeUntilReset -2147483648 } InvalidTimeUntilReset '-2147483648'
    Assert-Refused { -7 | Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 } InvalidTimeUntilReset '-7'
}

Test 'a negative TimeUntilReset in the pipeline leaves the others alone' {
    $problem = Assert-WritesError { 1, -1, 2 | Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 }
    Assert-Error $problem InvalidTimeUntilReset InvalidArgument
    Assert-Equal $problem.TargetObject -1 'target of the error'
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect {"properties":{"after":"PT1S"}}', 'POST 1/reconnect {"properties":{"after":"PT2S"}}' 'sent'
}

Test 'a TimeUntilReset that is no number' {
    $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -TimeUntilReset soon }
    Assert-Contains $problem.Exception.Message 'soon'
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a blank BackendId' {
    Assert-Refused { Reset-AzApiManagementBackendConnection -Context $context -BackendId '' } InvalidBackendId "''"
    Assert-Refused { Reset-AzApiManagementBackendConnection -Context $context -BackendId '   ' } InvalidBackendId "'   '"
    Assert-Refused { [pscustomobject] @{ BackendId = $null } | Reset-AzApiManagementBackendConnection -Context $context } InvalidBackendId "''"
}

Test 'a BackendId that is too long' {
    $long = 'x' * 81
    Assert-Refused { Reset-AzApiManagementBackendConnection -Context $context -BackendId $long } InvalidBackendId $long
    $most = Assert-WritesError { Reset-AzApiManagementBackendConnection -Context $context -BackendId ('x' * 80) }
    Assert-Error $most ResourceNotFound ObjectNotFound
}

Test 'a BackendId with a character that names must not have' {
    foreach ($bad in 'a*b', 'a#b', 'a&b', 'a+b', 'a:b', 'a<b', 'a>b', 'a?b', 'a/b', 'a\b', '.', '..', '../../x') {
        $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -Context $context -BackendId $bad }
        Assert-Error $problem InvalidBackendId InvalidArgument
        Assert-Contains $problem.Exception.Message $bad.Replace('\', '\\')
    }
    $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -Context $context -BackendId "a`nb" }
    Assert-Error $problem InvalidBackendId InvalidArgument
    Assert-Contains $problem.Exception.Message 'a\nb'
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a service name that cannot be' {
    foreach ($bad in '', ' ', '1abc', 'abc-', 'a_b', ('a' * 51), 'a/b') {
        $of = New-Context -ServiceName $bad
        $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -Context $of -BackendId 1 }
        Assert-Error $problem InvalidServiceName InvalidArgument
        Assert-Contains $problem.Exception.Message "'$bad'"
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a resource group name that cannot be' {
    foreach ($bad in '', ' ', 'a b', 'ends.', 'a/b', ('a' * 91)) {
        $of = New-Context -ResourceGroupName $bad
        $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -Context $of -BackendId 1 }
        Assert-Error $problem InvalidResourceGroupName InvalidArgument
        Assert-Contains $problem.Exception.Message "'$bad'"
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a context without its properties' {
    $empty = [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementContext" }
    $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -Context $empty -BackendId 1 }
    Assert-Equal $problem.CategoryInfo.Category 'InvalidArgument' 'category'
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'an input object whose Id is of something else' {
    $service = (Get-BackendResourceId 1) -replace '/backends/1$'
    foreach ($id in $service, "$service/apis/1", "$(Get-BackendResourceId 1)/", "$(Get-BackendResourceId 1)/reconnect", 'backends/1', 'x', "/subscriptions") {
        $backend = New-Backend 1 -Id $id
        $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -InputObject $backend }
        Assert-Error $problem InvalidResourceId InvalidArgument
        Assert-Contains $problem.Exception.Message "'$id'"
        Assert-True ([object]::ReferenceEquals($problem.TargetObject, $backend)) 'the target of the error is the input'
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'several backends as one -InputObject: the error says to pipe them in' {
    $backends = (New-Backend 1), (New-Backend 2)
    Assert-Refused { Reset-AzApiManagementBackendConnection -InputObject $backends } InvalidResourceId 'pipe them in'
    Assert-Refused { , $backends | Reset-AzApiManagementBackendConnection } InvalidResourceId '2 objects'
    Reset-AzApiManagementBackendConnection -InputObject @(New-Backend 3)
    Assert-Equal (Get-Sent) 'POST 3/reconnect' 'sent'
}

Test 'an input object without an Id' {
    foreach ($backend in [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackend"; BackendId = '1' },
        [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackend"; BackendId = '1'; Id = $null },
        [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackend" }) {
        $problem = Assert-WritesError { $backend | Reset-AzApiManagementBackendConnection }
        Assert-Error $problem InvalidResourceId InvalidArgument
        $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -InputObject $backend -WhatIf }
        Assert-Error $problem InvalidResourceId InvalidArgument
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'names inside of an Id are checked too' {
    $id = Get-BackendResourceId 1
    foreach ($case in @('contoso', '-x', 'InvalidServiceName'), @('Api-Default-WestUS', 'a b', 'InvalidResourceGroupName'),
        @('000000000001', 'x', 'InvalidSubscriptionId'), @('backends/1', 'backends/a+b', 'InvalidBackendId')) {
        $backend = [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackend"; Id = $id.Replace($case[0], $case[1]) }
        $problem = Assert-WritesError { $backend | Reset-AzApiManagementBackendConnection }
        Assert-Error $problem $case[2] InvalidArgument
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'an Id in other letter case is the same' {
    $backend = [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackend"; Id = (Get-BackendResourceId 1).ToUpperInvariant() }
    $backend | Reset-AzApiManagementBackendConnection
    Assert-Equal @(Get-Journal).status 202 'answer'
}

Test 'a bad item leaves the others alone' {
    $problem = Assert-WritesError { (New-Backend 1), (New-Backend 2 -Id 'nonsense'), (New-Backend 3) | Reset-AzApiManagementBackendConnection }
    Assert-Error $problem InvalidResourceId InvalidArgument
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 3/reconnect' 'sent'
}

Test 'a Url that is not absolute http or https' {
    foreach ($bad in '', 'contoso.com/api', '/api', 'ftp://contoso.com', 'http:contoso.com', 'https://', 'file:///etc/passwd', ('https://contoso.com/' + 'a' * 2000),
        'https:///contoso', 'https://contoso.com/ ', "https://contoso.com/`n", "https://con`ttoso.com/") {
        $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Url $bad }
        Assert-Error $problem InvalidUrl InvalidArgument
        if ($bad.Length -in 1..100) {
            Assert-Contains $problem.Exception.Message "'$bad'"
        }
    }
    Assert-Refused { [pscustomobject] @{ BackendId = '1'; Url = 'contoso' } | Reset-AzApiManagementBackendConnection -Context $context } InvalidUrl "'contoso'"
}

Test 'a Url that is bad for every piped backend is told once' {
    $problems = $null
    $thrown = Assert-Throws { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -Url nonsense -ErrorVariable problems }
    Assert-Error $thrown InvalidUrl InvalidArgument
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a credential without what it needs' {
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential (New-Credential) } InvalidCredential 'empty'
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential (New-Credential @{ Scheme = 'Basic' }) } InvalidCredential 'parameter'
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential (New-Credential @{ Parameter = 'x' }) } InvalidCredential 'scheme'
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential (New-Credential @{ Header = @{ 'x-key' = @() } }) } InvalidCredential 'x-key'
}

Test 'a credential with values of a wrong type' {
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential (New-Credential @{ Header = @{ 'x-key' = 42 } }) } InvalidCredential 'x-key'
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential (New-Credential @{ Query = @{ q = @('a', $null) } }) } InvalidCredential "'q'"
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential (New-Credential @{ Query = 'q=1' }) } InvalidCredential 'Query'
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential (New-Credential @{ Certificate = @(1) }) } InvalidCredential 'Credential.Certificate'
}

Test 'a proxy without what it needs' {
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Proxy (New-Proxy '') } InvalidProxy 'URL'
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Proxy (New-Proxy 'proxy:8080') } InvalidProxy "'proxy:8080'"
    $proxy = [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackendProxy"; Url = 'http://proxy.example'; Password = 'pass' }
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Proxy $proxy } InvalidProxy 'user name'
    $proxy = [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackendProxy"; Url = 'http://proxy.example'; ProxyCredentials = 'user' }
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Proxy $proxy } InvalidProxy 'Proxy.ProxyCredentials'
}

Test 'a null credential or proxy on the command line' {
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential $null } InvalidCredential '-Credential'
    Assert-Ends { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Proxy $null } InvalidProxy '-Proxy'
}

Test 'objects of another type do not bind' {
    $other = [pscustomobject] @{ ResourceGroupName = 'Api-Default-WestUS'; ServiceName = 'contoso' }
    foreach ($call in { Reset-AzApiManagementBackendConnection -Context $other -BackendId 1 }, { Reset-AzApiManagementBackendConnection -InputObject $other },
        { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential $other }, { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Proxy 'http://proxy' },
        { Reset-AzApiManagementBackendConnection -Context $null -BackendId 1 }, { Reset-AzApiManagementBackendConnection -InputObject $null }) {
        $problem = Assert-Throws $call
        Assert-True ($problem.Exception -is [System.Management.Automation.ParameterBindingException]) "the binder refuses it: $($problem.Exception.Message)"
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'both sets at once do not bind' {
    $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -InputObject (New-Backend 1) -BackendId 1 }
    Assert-Contains $problem.FullyQualifiedErrorId 'AmbiguousParameterSet'
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'half of a character finds no backend' {
    $half = "a$([char] 0xD800)b"
    foreach ($call in { Reset-AzApiManagementBackendConnection -Context $context -BackendId $half }, { New-Backend $half | Reset-AzApiManagementBackendConnection }) {
        Assert-Error (Assert-WritesError $call) ResourceNotFound ObjectNotFound
    }
}
