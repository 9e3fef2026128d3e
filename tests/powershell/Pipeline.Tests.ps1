# What can be piped in, and how it binds: backends of every kind, rows, contexts, plain numbers.

. "$PSScriptRoot/Setup.ps1"

$context = New-Context

Test 'custom objects with the type name of a backend' {
    (New-Backend 1), (New-Backend 2), (New-Backend 3) | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 2/reconnect', 'POST 3/reconnect' 'sent'
}

Test 'a backend needs no more than its id' {
    [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackend"; Id = Get-BackendResourceId 7 } | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'POST 7/reconnect' 'sent'
}

Test 'a backend by -InputObject' {
    Reset-AzApiManagementBackendConnection -InputObject (New-Backend 1)
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a piped backend keeps its own settings: nothing is written back' {
    New-Backend 1 | Reset-AzApiManagementBackendConnection
    New-Backend 2 | Reset-AzApiManagementBackendConnection -Context $context
    Reset-AzApiManagementBackendConnection -InputObject (New-Backend 3)
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'POST 2/reconnect', 'POST 3/reconnect' 'sent'
}

Test 'a deserialized backend binds by name, with a context; nothing is written back' {
    New-Backend 1 'Deserialized.' | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a backend that went through CliXml' {
    $text = [System.Management.Automation.PSSerializer]::Serialize((New-Backend 1))
    $back = [System.Management.Automation.PSSerializer]::Deserialize($text)
    Assert-Equal $back.PSObject.TypeNames[0] "Deserialized.${Models}PsApiManagementBackend" 'type name'
    $back | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'what is given on the command line is changed for each piped backend' {
    (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -Url 'https://new.example/api'
    New-Backend 3 'Deserialized.' | Reset-AzApiManagementBackendConnection -Context $context -Url 'https://new.example/api'
    $expected = foreach ($n in 1, 2, 3) { "PATCH $n {`"properties`":{`"url`":`"https://new.example/api`"}}" }
    $expected += foreach ($n in 1, 2, 3) { "POST $n/reconnect" }
    Assert-Equal (Get-SentSorted) $expected 'sent'
}

Test 'a value on the command line wins over that of a row, and those of the row stay' {
    [pscustomobject] @{ BackendId = '1'; Protocol = 'soap'; Url = 'https://row.example/' } |
        Reset-AzApiManagementBackendConnection -Context $context -Protocol http
    Assert-Equal (Get-Sent) 'PATCH 1 {"properties":{"protocol":"http","url":"https://row.example/"}}', 'POST 1/reconnect' 'sent'
}

Test 'a CSV row says what is to be changed' {
    [pscustomobject] @{ BackendId = '1'; Protocol = 'http'; Url = 'https://row.example/' },
    [pscustomobject] @{ BackendId = '2'; Url = 'https://row.example/' } |
        Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-SentSorted) 'PATCH 1 {"properties":{"protocol":"http","url":"https://row.example/"}}',
        'PATCH 2 {"properties":{"url":"https://row.example/"}}', 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'blank cells of a CSV row mean not given' {
    [pscustomobject] @{ BackendId = '1'; Protocol = ''; Url = 'https://row.example/' },
    [pscustomobject] @{ BackendId = '2'; Protocol = '  '; Url = '' },
    [pscustomobject] @{ BackendId = '3'; Protocol = $null; Url = $null } |
        Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-SentSorted) 'PATCH 1 {"properties":{"url":"https://row.example/"}}', 'POST 1/reconnect', 'POST 2/reconnect', 'POST 3/reconnect' 'sent'
}

Test 'the values of one row do not stay for the next' {
    [pscustomobject] @{ BackendId = '1'; Protocol = 'soap'; Url = 'https://row.example/' },
    [pscustomobject] @{ BackendId = '2' },
    [pscustomobject] @{ BackendId = '3'; Protocol = 'http' } |
        Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-SentSorted) 'PATCH 1 {"properties":{"protocol":"soap","url":"https://row.example/"}}',
        'PATCH 3 {"properties":{"protocol":"http"}}', 'POST 1/reconnect', 'POST 2/reconnect', 'POST 3/reconnect' 'sent'
}

Test 'the blank protocol of a pool backend does not hinder' {
    $pool = New-Backend 1
    $pool.Protocol = $null
    $pool.Url = $null
    $pool, (New-Backend 2) | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'an explicit blank protocol is an error, and nothing is sent' {
    foreach ($blank in '', '  ', $null) {
        $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Protocol $blank }
        Assert-Error $problem InvalidProtocol InvalidArgument
    }
    Assert-Equal (Get-Sent) @() 'sent'
}

Test 'another protocol does not bind, on the command line or from a row' {
    $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Protocol ftp }
    Assert-Equal $problem.FullyQualifiedErrorId 'ParameterArgumentValidationError,Reset-AzApiManagementBackendConnection' 'error id'
    Assert-Contains $problem.Exception.Message 'ftp'
    $problem = Assert-WritesError {
        [pscustomobject] @{ BackendId = '1'; Protocol = 'ftp' }, [pscustomobject] @{ BackendId = '2' } | Reset-AzApiManagementBackendConnection -Context $context
    }
    Assert-Contains $problem.Exception.Message 'ftp'
    Assert-Equal (Get-Sent) 'POST 2/reconnect' 'sent'
}

Test 'a protocol in capitals is sent as the service spells it' {
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Protocol SOAP
    Assert-Equal (Get-Sent) 'PATCH 1 {"properties":{"protocol":"soap"}}', 'POST 1/reconnect' 'sent'
}

Test 'rows with a credential and a proxy' {
    [pscustomobject] @{ BackendId = '1'; Credential = New-Credential @{ Header = @{ 'x-key' = @('a') } }; Proxy = New-Proxy 'http://proxy.example:8080' } |
        Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Sent) 'PATCH 1 {"properties":{"credentials":{"header":{"x-key":["a"]}},"proxy":{"url":"http://proxy.example:8080"}}}', 'POST 1/reconnect' 'sent'
}

Test 'a credential and a proxy that went through CliXml' {
    function Restore { param($Object) [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($Object, 3)) }

    $credential = Restore (New-Credential @{ Header = @{ 'x-key' = @('a') }; Scheme = 'Basic'; Parameter = 'b' })
    $proxy = Restore (New-Proxy 'http://proxy.example:8080')
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential $credential -Proxy $proxy
    $json = '{"properties":{"credentials":{"header":{"x-key":["a"]},"authorization":{"scheme":"Basic","parameter":"b"}},"proxy":{"url":"http://proxy.example:8080"}}}'
    Assert-Equal (Get-Sent) "PATCH 1 $json", 'POST 1/reconnect' 'sent'
    Assert-Equal $proxy.PSObject.TypeNames[0] "Deserialized.${Models}PsApiManagementBackendProxy" 'type name of the user''s object'
}

Test 'blank cells for a credential and a proxy mean not given' {
    [pscustomobject] @{ BackendId = '1'; Credential = ''; Proxy = ' ' } | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a script block gives each item its own value' {
    [pscustomobject] @{ BackendId = '1'; NewUrl = 'https://one.example/'; Kind = 'SOAP'; Delay = '5' },
    [pscustomobject] @{ BackendId = '2'; NewUrl = ''; Kind = ' '; Delay = 7 } |
        Reset-AzApiManagementBackendConnection -Context $context -Url { $_.NewUrl } -Protocol { $_.Kind } -TimeUntilReset { $_.Delay }
    Assert-Equal (Get-SentSorted) 'PATCH 1 {"properties":{"protocol":"soap","url":"https://one.example/"}}',
        'POST 1/reconnect {"properties":{"after":"PT5S"}}', 'POST 2/reconnect {"properties":{"after":"PT7S"}}' 'sent'
}

Test 'a script block for piped backends: their own settings are not written back' {
    (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -Url { "https://$($_.BackendId).example/" }
    New-Backend 3 'Deserialized.' | Reset-AzApiManagementBackendConnection -Context $context -Url { "https://$($_.BackendId).example/" } -Credential (New-Credential @{ Certificate = '00112233445566778899AABBCCDDEEFF00112233' })
    New-Backend 4 | Reset-AzApiManagementBackendConnection -Url 'https://new.example/' -TimeUntilReset { [int] $_.BackendId * 10 }
    Assert-Equal (Get-SentSorted) 'PATCH 1 {"properties":{"url":"https://1.example/"}}', 'PATCH 2 {"properties":{"url":"https://2.example/"}}',
        'PATCH 3 {"properties":{"url":"https://3.example/","credentials":{"certificate":["00112233445566778899AABBCCDDEEFF00112233"]}}}', 'PATCH 4 {"properties":{"url":"https://new.example/"}}',
        'POST 1/reconnect', 'POST 2/reconnect', 'POST 3/reconnect', 'POST 4/reconnect {"properties":{"after":"PT40S"}}' 'sent'
}

Test 'a script block whose value cannot be used is an error about that item' {
    $problem = Assert-WritesError { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -Url { if ($_.BackendId -eq '1') { 'nowhere' } else { 'https://new.example/' } } }
    Assert-Error $problem InvalidUrl InvalidArgument
    Assert-Equal $problem.TargetObject.BackendId '1' 'the target of the error'
    $problem = Assert-Throws { New-Backend 3 | Reset-AzApiManagementBackendConnection -Url { 'https://new.example/' } -Proxy (New-Proxy 'nowhere') }
    Assert-Error $problem InvalidProxy InvalidArgument
    Assert-Equal (Get-Sent) 'PATCH 2 {"properties":{"url":"https://new.example/"}}', 'POST 2/reconnect' 'sent'
}

Test 'a row with a setting that cannot be read is an error of its own' {
    $rows = [pscustomobject] @{ BackendId = '1'; Credential = New-Credential @{ Header = 'text' } }, [pscustomobject] @{ BackendId = '2' }
    $problem = Assert-WritesError { $rows | Reset-AzApiManagementBackendConnection -Context $context }
    Assert-Error $problem InvalidCredential InvalidArgument
    Assert-True ([object]::ReferenceEquals($problem.TargetObject, $rows[0])) 'the target of the error is the row'
    Assert-Equal (Get-Sent) 'POST 2/reconnect' 'sent'
}

Test 'hashtables turned objects that bring their context' {
    [pscustomobject] @{ Context = $context; BackendId = '1' }, [pscustomobject] @{ Context = $context; BackendId = '2'; Url = 'https://row.example/' } |
        Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-SentSorted) 'PATCH 2 {"properties":{"url":"https://row.example/"}}', 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'objects that bring a backend as InputObject' {
    [pscustomobject] @{ InputObject = New-Backend 1 } | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a row that brings a backend and settings changes them' {
    [pscustomobject] @{ InputObject = New-Backend 1; Url = 'https://row.example/' } | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'PATCH 1 {"properties":{"url":"https://row.example/"}}', 'POST 1/reconnect' 'sent'
}

Test 'a piped context, with the backend on the command line' {
    $context | Reset-AzApiManagementBackendConnection -BackendId 1
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'piped names of backends bind as rows only' {
    $problem = Assert-WritesError { 'abc' | Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 }
    Assert-Contains $problem.FullyQualifiedErrorId 'InputObjectNotBound'
    Assert-Equal (Get-Sent) @() 'sent'
}

Test 'a piped object that fits no parameter is an error, and resets nothing' {
    foreach ($object in @{ Nothing = 1 }, [pscustomobject] @{ Nothing = 1 }, [version] '1.2') {
        $problem = Assert-WritesError { , $object | Reset-AzApiManagementBackendConnection -InputObject (New-Backend 1) -BackendId 1 }
        Assert-Equal $problem.FullyQualifiedErrorId 'InputObjectNotBound,Reset-AzApiManagementBackendConnection' "id for $object"
        Assert-Equal "$($problem.CategoryInfo.Category)" 'InvalidArgument' "category for $object"
    }
    Assert-Equal (Get-Sent) @() 'sent'
}

Test 'an object is no time' {
    $null = Assert-Throws { New-Backend 1 | Reset-AzApiManagementBackendConnection -TimeUntilReset (New-Backend 2) }
    New-Backend 1 | Reset-AzApiManagementBackendConnection
    [pscustomobject] @{ BackendId = '2' } | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'no input is no reset' {
    @() | Reset-AzApiManagementBackendConnection
    @() | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Sent) @() 'sent'
}

Test 'a null in the pipeline does not stop the others' {
    $problem = Assert-WritesError { (New-Backend 1), $null, (New-Backend 2) | Reset-AzApiManagementBackendConnection }
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'TimeUntilReset on the command line' {
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -TimeUntilReset 30
    (New-Backend 2), (New-Backend 3) | Reset-AzApiManagementBackendConnection -TimeUntilReset 3600
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect {"properties":{"after":"PT30S"}}', 'POST 2/reconnect {"properties":{"after":"PT3600S"}}',
        'POST 3/reconnect {"properties":{"after":"PT3600S"}}' 'sent'
}

Test 'TimeUntilReset of 0 is sent as such' {
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -TimeUntilReset 0
    New-Backend 2 | Reset-AzApiManagementBackendConnection -TimeUntilReset 0
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect {"properties":{"after":"PT0S"}}', 'POST 2/reconnect {"properties":{"after":"PT0S"}}' 'sent'
}

Test 'TimeUntilReset from the pipeline, by value' {
    30 | Reset-AzApiManagementBackendConnection -Context $context -BackendId 1
    '45' | Reset-AzApiManagementBackendConnection -Context $context -BackendId 2
    60 | Reset-AzApiManagementBackendConnection -InputObject (New-Backend 3)
    10, 20 | Reset-AzApiManagementBackendConnection -Context $context -BackendId 4
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect {"properties":{"after":"PT30S"}}', 'POST 2/reconnect {"properties":{"after":"PT45S"}}',
        'POST 3/reconnect {"properties":{"after":"PT60S"}}', 'POST 4/reconnect {"properties":{"after":"PT10S"}}',
        'POST 4/reconnect {"properties":{"after":"PT20S"}}' 'sent'
}

Test 'TimeUntilReset is not bound by name' {
    [pscustomobject] @{ BackendId = '1'; TimeUntilReset = 30 } | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a time-out of another culture is sent in ASCII' {
    $before = [cultureinfo]::CurrentCulture
    try {
        $culture = [cultureinfo]::new('', $false).Clone()
        $culture.NumberFormat.NegativeSign = '~'
        $culture.NumberFormat.NumberGroupSeparator = ' '
        [cultureinfo]::CurrentCulture = $culture
        Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -TimeUntilReset 1234567
        $problem = Assert-WritesError { -5 | Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 }
    } finally {
        [cultureinfo]::CurrentCulture = $before
    }
    Assert-Error $problem InvalidTimeUntilReset InvalidArgument
    Assert-Equal (Get-Sent) 'POST 1/reconnect {"properties":{"after":"PT1234567S"}}' 'sent'
}

Test '-BackendId beside -InputObject may name the same backend, in any case' {
    Reset-AzApiManagementBackendConnection -BackendId 1 -InputObject (New-Backend 1)
    $backend = New-Backend 'My-Backend'
    $error404 = Assert-WritesError { Reset-AzApiManagementBackendConnection -BackendId 'MY-backend' -InputObject $backend }
    Assert-Error $error404 ResourceNotFound ObjectNotFound
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'POST My-Backend/reconnect' 'sent'
}

Test '-BackendId beside -InputObject must not name another one' {
    $backend = New-Backend 1
    $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -BackendId 2 -InputObject $backend }
    Assert-Error $problem BackendIdMismatch InvalidArgument
    Assert-Contains $problem.Exception.Message "'2'"
    Assert-True ([object]::ReferenceEquals($problem.TargetObject, $backend)) 'the target of the error is the input'
    Assert-Equal (Get-Sent) @() 'sent'
}

Test '-BackendId on the command line must fit each piped backend' {
    $problem = Assert-WritesError { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -BackendId 2 }
    Assert-Error $problem BackendIdMismatch InvalidArgument
    Assert-Equal (Get-Sent) 'POST 2/reconnect' 'sent'
}

Test 'a blank -BackendId beside -InputObject is an error' {
    $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -BackendId '' -InputObject (New-Backend 1) }
    Assert-Equal $problem.CategoryInfo.Category 'InvalidArgument' 'category'
    Assert-Equal (Get-Sent) @() 'sent'
}

Test 'an object whose BackendId and Id name two backends is an error' {
    $backend = New-Backend 1
    $backend.BackendId = '2'
    foreach ($call in { $backend | Reset-AzApiManagementBackendConnection }, { Reset-AzApiManagementBackendConnection -InputObject $backend },
        { Reset-AzApiManagementBackendConnection -InputObject $backend -BackendId 1 }, { Reset-AzApiManagementBackendConnection -InputObject $backend -BackendId 2 }) {
        $problem = Assert-WritesError $call
        Assert-Error $problem BackendIdMismatch InvalidArgument
        Assert-Contains $problem.Exception.Message "'2'"
    }
    Assert-Equal (Get-Sent) @() 'sent'
}

Test 'an input object is addressed by its own subscription' {
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = '00000000-0000-0000-0000-0000000000ff' } {
        New-Backend 1 | Reset-AzApiManagementBackendConnection
    }
    Assert-Contains @(Get-Journal)[0].path '/subscriptions/00000000-0000-0000-0000-000000000001/'
}

Test 'names with characters of other alphabets and of JSON are sent percent-encoded' {
    $names = 'täst 1', "it's", 'a"b', 'x%41', '統合'
    foreach ($name in $names) {
        $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -Context $context -BackendId $name }
        Assert-Error $problem ResourceNotFound ObjectNotFound
        $problem = Assert-WritesError { New-Backend $name | Reset-AzApiManagementBackendConnection }
        Assert-Error $problem ResourceNotFound ObjectNotFound
    }
    $expected = foreach ($name in $names) {
        $encoded = [uri]::EscapeDataString($name)
        "POST $encoded/reconnect", "POST $encoded/reconnect"
    }
    Assert-Equal (Get-Sent) $expected 'sent'
}

Test 'a long pipeline: every item is sent once' {
    & { foreach ($n in 1..1000) { New-Backend $n } } | Reset-AzApiManagementBackendConnection
    $sent = @(Get-Sent)
    Assert-Equal $sent.Count 1000 'requests'
    Assert-Equal ([System.Collections.Generic.HashSet[string]]::new([string[]] $sent)).Count 1000 'backends'
}
