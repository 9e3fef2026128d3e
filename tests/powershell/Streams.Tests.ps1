# -Verbose and -Debug: what they tell of a call.

. "$PSScriptRoot/Setup.ps1"

$context = New-Context

function Get-Messages {
    param([scriptblock] $Call, [type] $Type)

    @(& $Call *>&1).Where({ $_ -is $Type }).Message
}

function Get-Debug { param([scriptblock] $Call) Get-Messages $Call ([System.Management.Automation.DebugRecord]) }
function Get-Verbose { param([scriptblock] $Call) Get-Messages $Call ([System.Management.Automation.VerboseRecord]) }

Test 'without them nothing is told' {
    $told = New-Backend 1 | Reset-AzApiManagementBackendConnection *>&1
    Assert-Equal @($told) @() 'told'
}

Test '-Verbose says which credential is used, and where the requests go' {
    $told = Get-Verbose { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -Verbose }
    $source = @($told -match 'AZURE_ACCESS_TOKEN')
    Assert-Equal $source.Count 1 "lines that name the source: $told"
    Assert-Contains $source[0] $env:AZURE_RESOURCE_MANAGER_ENDPOINT
    Assert-Contains "$told" "backend '1' of service 'contoso'"
    Assert-True ($told.Count -le 4) "it is short: $told"
}

Test '-Verbose says when a request is tried again' {
    Add-Fault @{ match = '/backends/1/'; status = 503 }
    $told = Get-Verbose { New-Backend 1 | Reset-AzApiManagementBackendConnection -Verbose }
    Assert-Equal @($told -match '503').Count 1 "lines: $told"
}

Test '-Debug shows each request and answer' {
    $told = @(Get-Debug { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Url 'https://contoso.com/' -TimeUntilReset 5 -PassThru -Debug })
    $requests = @($told -match 'HTTP REQUEST')
    $answers = @($told -match 'HTTP RESPONSE')
    Assert-Equal $requests.Count 3 'requests'
    Assert-Equal $answers.Count 3 'answers'
    Assert-Contains $requests[0] 'PATCH'
    Assert-Contains $requests[1] 'POST'
    Assert-Contains $requests[2] 'GET'
    Assert-Contains $requests[1] "$env:AZURE_RESOURCE_MANAGER_ENDPOINT$(Get-BackendResourceId 1)/reconnect?api-version=2024-05-01"
    Assert-Contains $requests[1] 'PT5S'
    Assert-Contains $requests[0] 'https://contoso.com/'
    Assert-Contains $answers[1] '202'
    Assert-Contains $answers[2] '"title"'
}

Test '-Debug shows headers, those that are secret masked' {
    $told = @(Get-Debug { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Protocol http -Debug })
    $request = @($told -match 'HTTP REQUEST')[0]
    $lines = $request -split '\r?\n'
    foreach ($header in 'x-ms-client-request-id', 'user-agent', 'if-match', 'content-type', 'authorization') {
        Assert-Equal @($lines -match "^$header\b").Count 1 "lines of ${header}: $request"
    }
    Assert-True (@($lines -match '^authorization\b')[0] -match '\*\*\*\*') 'the token is masked'
    Assert-True (@($lines -match '^user-agent\b')[0] -match 'AzApiManagement\.BackendConnection/\d') 'who we are'
    $answer = @($told -match 'HTTP RESPONSE')[0]
    Assert-Contains $answer 'x-ms-request-id'
}

Test '-Debug masks the members of a credential and of a proxy, and shows the rest' {
    $credential = New-Credential @{ Header = @{ 'x-key' = @('secret-a') }; Scheme = 'Basic'; Parameter = 'secret-b' }
    $proxy = New-Proxy 'http://proxy.example:8080' 'user' 'secret-c'
    $told = @(Get-Debug { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Url 'https://contoso.com/shown' -Credential $credential -Proxy $proxy -Debug })
    $request = @($told -match 'HTTP REQUEST')[0]
    Assert-Contains $request 'https://contoso.com/shown'
    Assert-Contains $request 'x-key'
    Assert-Contains $request '****'
    Assert-NotContains "$told" 'secret-'
}

Test 'each request has an id of its own' {
    $told = @(Get-Debug { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -Debug })
    $ids = foreach ($request in @($told -match 'HTTP REQUEST')) { @($request -split '\r?\n' -match '^x-ms-client-request-id\b')[0] }
    Assert-Equal @($ids).Count 2 'requests'
    Assert-True ($ids[0] -ne $ids[1]) "ids: $ids"
}

Test 'a refusal shows its answer' {
    $told = @(Get-Debug { New-Backend nowhere | Reset-AzApiManagementBackendConnection -Debug -ErrorAction SilentlyContinue })
    $answer = @($told -match 'HTTP RESPONSE')[0]
    Assert-Contains $answer '404'
    Assert-Contains $answer 'ResourceNotFound'
}

Test 'the preferences do what the switches do' {
    $global:VerbosePreference = 'Continue'
    $global:DebugPreference = 'Continue'
    try {
        $told = @(New-Backend 1 | Reset-AzApiManagementBackendConnection *>&1)
    } finally {
        $global:VerbosePreference = 'SilentlyContinue'
        $global:DebugPreference = 'SilentlyContinue'
    }
    Assert-True ($told.Where({ $_ -is [System.Management.Automation.VerboseRecord] }).Count -gt 0) 'verbose'
    Assert-True ($told.Where({ $_ -is [System.Management.Automation.DebugRecord] }).Count -gt 0) 'debug'
}

Test '-Verbose:$false and -Debug:$false win over the preferences' {
    $global:VerbosePreference = 'Continue'
    $global:DebugPreference = 'Continue'
    try {
        $told = @(New-Backend 1 | Reset-AzApiManagementBackendConnection -Verbose:$false -Debug:$false *>&1)
    } finally {
        $global:VerbosePreference = 'SilentlyContinue'
        $global:DebugPreference = 'SilentlyContinue'
    }
    Assert-Equal $told @() 'told'
}

Test '-Debug alone asks nothing' {
    # Where it does, a host that cannot ask fails.
    $told = @(New-Backend 1 | Reset-AzApiManagementBackendConnection -Debug *>&1)
    Assert-Equal $told.Where({ $_ -is [System.Management.Automation.ErrorRecord] }).Count 0 'errors'
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test '-Debug masks secrets in the query of a Url, and shows the harmless headers' {
    $told = @(Get-Debug { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Url 'https://contoso.com/a?code=secret-a&v=1&sig=secret-b' -PassThru -Debug })
    $request = @($told -match 'HTTP REQUEST')[0]
    Assert-Contains $request 'https://contoso.com/a?code=****&v=1&sig=****'
    Assert-NotContains "$told" 'secret-'
    $answer = @($told -match 'HTTP RESPONSE')[0] -split '\r?\n'
    foreach ($header in 'x-ms-request-id', 'x-ms-correlation-request-id', 'date', 'content-type') {
        $line = @($answer -match "^$header\b")
        Assert-Equal $line.Count 1 "lines of ${header}: $answer"
        Assert-NotContains $line[0] '****'
    }
}
