# What the service refuses: the error tells what Az's cmdlets tell, is about one item, and leaves the others alone.

. "$PSScriptRoot/Setup.ps1"

$context = New-Context

Test 'a backend that is not there, in the middle of a pipeline' {
    $missing = New-Backend nowhere
    $problem = Assert-WritesError { (New-Backend 1), $missing, (New-Backend 2) | Reset-AzApiManagementBackendConnection }
    Assert-Error $problem ResourceNotFound ObjectNotFound
    Assert-True ([object]::ReferenceEquals($problem.TargetObject, $missing)) 'the target of the error is the input'
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 2/reconnect', 'POST nowhere/reconnect' 'sent'
}

Test 'the target of an error is the row, or the name that was given' {
    $row = [pscustomobject] @{ BackendId = 'nowhere' }
    $problem = Assert-WritesError { $row | Reset-AzApiManagementBackendConnection -Context $context }
    Assert-True ([object]::ReferenceEquals($problem.TargetObject, $row)) 'the target of the error is the row'
    $problem = Assert-WritesError { Reset-AzApiManagementBackendConnection -Context $context -BackendId nowhere }
    Assert-Equal $problem.TargetObject 'nowhere' 'target'
    $outer = [pscustomobject] @{ Url = 'https://outer.example/' }
    $problem = Assert-WritesError { $outer | ForEach-Object { Reset-AzApiManagementBackendConnection -Context $context -BackendId nowhere } }
    Assert-Equal $problem.TargetObject 'nowhere' 'target inside of a ForEach-Object'
    Assert-Equal (Get-Sent | Select-Object -First 3) 'POST nowhere/reconnect', 'POST nowhere/reconnect', 'POST nowhere/reconnect' 'sent'
}

Test 'the message has the lines that Az writes' {
    $problem = Assert-WritesError { New-Backend nowhere | Reset-AzApiManagementBackendConnection }
    $lines = $problem.Exception.Message -split '\r?\n'
    Assert-Equal $lines[0] '' 'first line'
    Assert-Equal $lines[1] 'Error Code: ResourceNotFound' 'code'
    Assert-True $lines[2].StartsWith('Error Message: ') 'message'
    Assert-True ($lines[3] -match '^Request Id: [0-9a-f-]{36}$') "request id: $($lines[3])"
    Assert-Equal $lines[4] "Backend 'nowhere' of service 'contoso' in resource group 'Api-Default-WestUS': its connection was not reset." 'backend'
    Assert-Equal $lines.Count 5 'lines'
}

Test 'the details of an answer are told line by line' {
    Add-Fault @{ match = '/backends/1/'; status = 400; code = 'ValidationError'; message = 'One or more fields contain incorrect values:'
        details = @(@{ code = 'ValidationError'; target = 'after'; message = 'Value is wrong.' }, @{ code = 'Other'; message = 'No target here.' })
    }
    $problem = Assert-WritesError { New-Backend 1 | Reset-AzApiManagementBackendConnection }
    Assert-Error $problem ValidationError InvalidOperation
    $lines = $problem.Exception.Message -split '\r?\n'
    Assert-Equal $lines[1, 2] 'Error Code: ValidationError', 'Error Message: One or more fields contain incorrect values:' 'lines'
    Assert-Equal $lines[4, 5, 6] 'Error Details:', "`t[Code= ValidationError, Message= Value is wrong., Target= after]", "`t[Code= Other, Message= No target here., Target= ]" 'details'
}

Test 'what a program needs is in the data of the exception' {
    $problem = Assert-WritesError { New-Backend nowhere | Reset-AzApiManagementBackendConnection }
    $data = $problem.Exception.Data
    Assert-Equal $data['Status'], $data['Code'], $data['Step'], $data['Attempts'] 404, 'ResourceNotFound', 'reset', 1 'data'
    Assert-True ($data['Status'] -is [int] -and $data['Attempts'] -is [int] -and $data['ResetDone'] -is [bool]) 'numbers and truth values'
    Assert-Equal $data['BackendId'], $data['ServiceName'], $data['ResourceGroupName'], $data['ResetState'] 'nowhere', 'contoso', 'Api-Default-WestUS', 'notDone' 'names'
    foreach ($id in 'RequestId', 'CorrelationId', 'ClientRequestId') {
        Assert-True ($data[$id] -match '^[0-9a-f-]{36}$') "$id is there: $($data[$id])"
    }
}

Test 'each status has its category, and its code is the id' {
    foreach ($case in @(400, 'BadRequest', 'InvalidOperation'), @(403, 'AuthorizationFailed', 'PermissionDenied'), @(404, 'ParentResourceNotFound', 'ObjectNotFound'),
        @(409, 'Conflict', 'ResourceUnavailable'), @(412, 'PreconditionFailed', 'ResourceUnavailable')) {
        Add-Fault @{ match = '/backends/1/'; status = $case[0]; code = $case[1]; message = 'told' }
        $problem = Assert-WritesError { New-Backend 1 | Reset-AzApiManagementBackendConnection }
        Assert-Error $problem $case[1] $case[2]
        Assert-Contains $problem.Exception.Message 'Error Message: told'
    }
    Assert-Equal @(Get-Journal).Count 5 'requests: none of these is tried again'
}

Test 'an answer that cannot be read' {
    Add-Fault @{ match = '/backends/1/'; status = 400; body = '<html>a proxy says no</html>' }
    $problem = Assert-WritesError { New-Backend 1 | Reset-AzApiManagementBackendConnection }
    Assert-Error $problem BadRequest InvalidOperation
    Assert-Contains $problem.Exception.Message '400'
}

Test 'a status that may pass is tried again' {
    foreach ($status in 408, 500, 502, 503, 504) {
        Add-Fault @{ match = '/backends/1/'; status = $status }
    }
    Use-Environment @{ AZAPIM_TRIES = '6' } {
        New-Backend 1 | Reset-AzApiManagementBackendConnection
    }
    Assert-Equal (Get-Journal | ForEach-Object status) 408, 500, 502, 503, 504, 202 'answers'
}

Test 'a connection that breaks is tried again' {
    Add-Fault @{ match = '/backends/1/'; kind = 'reset' }
    New-Backend 1 | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'POST 1/reconnect' 'sent'
}

Test 'Retry-After is kept to' {
    Add-Fault @{ match = '/backends/1/'; status = 503; retryAfter = 1 }
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    New-Backend 1 | Reset-AzApiManagementBackendConnection
    Assert-True ($clock.ElapsedMilliseconds -ge 1000) "it took a second: $($clock.ElapsedMilliseconds) ms"
    Assert-Equal (Get-Journal | ForEach-Object status) 503, 202 'answers'
}

Test 'a service that stays down is told of, with how often it was tried' {
    Add-Fault @{ match = '/backends/1/'; status = 500; code = 'InternalServerError'; times = 10 }
    $problem = Use-Environment @{ AZAPIM_TRIES = '2' } {
        Assert-WritesError { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection }
    }
    Assert-Error $problem InternalServerError ResourceUnavailable
    Assert-Equal $problem.Exception.Data['Attempts'] '2' 'tries'
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'a request that is never answered ends by its time-out' {
    Add-Fault @{ match = '/backends/1/'; kind = 'stall' }
    $problem = Use-Environment @{ AZAPIM_TRIES = '1'; AZAPIM_TIMEOUT_SECONDS = '1' } {
        Assert-WritesError { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection }
    }
    Assert-Error $problem TimedOut OperationTimeout
    Assert-True ($problem.Exception -is [TimeoutException]) 'the exception is a TimeoutException'
    Assert-Contains $problem.Exception.Message 'AZAPIM_TIMEOUT_SECONDS'
}

Test 'a service that cannot be reached' {
    $problem = Use-Environment @{ AZURE_RESOURCE_MANAGER_ENDPOINT = 'http://127.0.0.1:1'; AZAPIM_TRIES = '1' } {
        Assert-WritesError { New-Backend 1 | Reset-AzApiManagementBackendConnection }
    }
    Assert-Error $problem ConnectionFailed ConnectionError
    Assert-Contains $problem.Exception.Message '127.0.0.1'
}

Test 'a 401 ends the call: every item would meet it' {
    Add-Fault @{ status = 401; times = 1000; code = 'InvalidAuthenticationToken'; message = 'The token is wrong.' }
    $problem = Assert-Throws { (New-Backend 1), (New-Backend 2), (New-Backend 3) | Reset-AzApiManagementBackendConnection }
    Assert-Error $problem AuthenticationFailed AuthenticationError
    Assert-Contains $problem.Exception.Message 'AZURE_ACCESS_TOKEN'
}

Test '-ErrorAction SilentlyContinue and -ErrorVariable' {
    $problems = $null
    $output = (New-Backend nowhere), (New-Backend 1) | Reset-AzApiManagementBackendConnection -PassThru -ErrorAction SilentlyContinue -ErrorVariable problems 2>&1
    Assert-Equal $output.BackendId '1' 'output'
    Assert-Equal $problems.Count 1 'errors'
    Assert-Error $problems[0] ResourceNotFound ObjectNotFound
}

Test '-ErrorAction Ignore' {
    $Error.Clear()
    $output = (New-Backend nowhere), (New-Backend 1) | Reset-AzApiManagementBackendConnection -PassThru -ErrorAction Ignore 2>&1
    Assert-Equal $output.BackendId '1' 'output'
    Assert-Equal $Error.Count 0 'errors kept'
}

Test '-ErrorAction Stop ends at the first error' {
    $got = [System.Collections.Generic.List[string]]::new()
    $problem = Assert-Throws {
        (New-Backend 1), (New-Backend nowhere), (New-Backend 2) | Reset-AzApiManagementBackendConnection -PassThru -ErrorAction Stop | ForEach-Object { $got.Add($_.BackendId) }
    }
    Assert-Equal $problem.FullyQualifiedErrorId 'ResourceNotFound,Reset-AzApiManagementBackendConnection' 'error id'
    Assert-Equal $got '1' 'output before it'
}

Test '$ErrorActionPreference = Stop counts too' {
    $global:ErrorActionPreference = 'Stop'
    $problem = Assert-Throws { New-Backend nowhere | Reset-AzApiManagementBackendConnection }
    Assert-Equal $problem.FullyQualifiedErrorId 'ResourceNotFound,Reset-AzApiManagementBackendConnection' 'error id'
}

Test 'the preference of the calling function counts, not only that of the session' {
    function Reset-Strictly {
        $ErrorActionPreference = 'Stop'
        New-Backend nowhere | Reset-AzApiManagementBackendConnection
        'not reached'
    }
    $problem = Assert-Throws { Reset-Strictly }
    Assert-Equal $problem.FullyQualifiedErrorId 'ResourceNotFound,Reset-AzApiManagementBackendConnection' 'error id'
    function Reset-Quietly {
        $ErrorActionPreference = 'SilentlyContinue'
        (New-Backend nowhere), (New-Backend 1) | Reset-AzApiManagementBackendConnection
    }
    Reset-Quietly
    Assert-Equal @((Get-Sent) -eq 'POST 1/reconnect').Count 1 'resets'
}

Test '$? tells whether there was an error' {
    New-Backend 1 | Reset-AzApiManagementBackendConnection
    Assert-True $? 'after success'
    New-Backend nowhere | Reset-AzApiManagementBackendConnection -ErrorAction SilentlyContinue
    Assert-True (-not $?) 'after an error'
}
