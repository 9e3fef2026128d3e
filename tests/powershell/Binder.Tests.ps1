# What the binder makes of script blocks, blanks and odd values, and what the cmdlet makes of that.

. "$PSScriptRoot/Setup.ps1"

$context = New-Context

# The output of a call, with its warnings as text.
function Get-Warnings {
    param([scriptblock] $Call)

    @(& $Call 3>&1).Where({ $_ -is [System.Management.Automation.WarningRecord] }).ForEach({ $_.Message })
}

Test 'a blank time from the pipeline or a script block is not given' {
    $null, '', ' ' | Reset-AzApiManagementBackendConnection -Context $context -BackendId 1
    New-Backend 2 | Reset-AzApiManagementBackendConnection -TimeUntilReset { $null }
    New-Backend 2 | Reset-AzApiManagementBackendConnection -TimeUntilReset { '' }
    [pscustomobject] @{ BackendId = '3'; Delay = ' ' }, [pscustomobject] @{ BackendId = '4'; Delay = '7' }, [pscustomobject] @{ BackendId = '5' } |
        Reset-AzApiManagementBackendConnection -Context $context -TimeUntilReset { $_.Delay }
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 1/reconnect', 'POST 1/reconnect', 'POST 2/reconnect', 'POST 2/reconnect', 'POST 3/reconnect',
        'POST 4/reconnect {"properties":{"after":"PT7S"}}', 'POST 5/reconnect' 'sent'
}

Test 'a blank time on the command line is an error' {
    foreach ($blank in $null, '', ' ') {
        $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -TimeUntilReset $blank }
        Assert-Error $problem InvalidTimeUntilReset InvalidArgument
        $problem = Assert-Throws { New-Backend 1 | Reset-AzApiManagementBackendConnection -TimeUntilReset $blank }
        Assert-Error $problem InvalidTimeUntilReset InvalidArgument
    }
    Assert-Equal (Get-Sent) @() 'sent'
}

Test 'a time that is no number fails as it does with a plain Int32' {
    function Invoke-Plain { [CmdletBinding()] param([int] $TimeUntilReset) }
    foreach ($value in @(1, 2), @{ a = 1 }, 'soon') {
        $plain = Assert-Throws { Invoke-Plain -TimeUntilReset $value }
        $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -TimeUntilReset $value }
        Assert-Equal $problem.FullyQualifiedErrorId.Split(',')[0] $plain.FullyQualifiedErrorId.Split(',')[0] 'error id'
        Assert-Contains $problem.Exception.Message '"System.Int32"'
        Assert-Contains $problem.Exception.Message $(if ($value -is [string]) { $value } else { $value.GetType().FullName })
    }
    Assert-Equal (Get-Sent) @() 'sent'
}

Test '0 from a script block is 0' {
    New-Backend 1 | Reset-AzApiManagementBackendConnection -TimeUntilReset { 0 }
    Assert-Equal (Get-Sent) 'POST 1/reconnect {"properties":{"after":"PT0S"}}' 'sent'
}

Test 'a script block for -BackendId takes any object, as it does for a plain function' {
    [pscustomobject] @{ Name = '1' } | Reset-AzApiManagementBackendConnection -Context $context -BackendId { $_.Name }
    [System.IO.FileInfo]::new("$env:TEST_SCRATCH/2") | Reset-AzApiManagementBackendConnection -Context $context -BackendId { $_.Name }
    @{ Name = '3' } | Reset-AzApiManagementBackendConnection -Context $context -BackendId { $_.Name }
    [pscustomobject] @{ New = 'https://new.example/' } | Reset-AzApiManagementBackendConnection -Context $context -BackendId 4 -Url { $_.New }
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'POST 2/reconnect', 'POST 3/reconnect', 'PATCH 4 {"properties":{"url":"https://new.example/"}}', 'POST 4/reconnect' 'sent'
}

Test 'where a script block gives the name, a piped value is no time, and one warning says so' {
    $told = Get-Warnings { '101', '102' | Reset-AzApiManagementBackendConnection -Context $context -BackendId { $_ } }
    Assert-Equal @($told).Count 1 "warnings: $told"
    Assert-Contains $told '-TimeUntilReset'
    $told = Get-Warnings { 'a', 'b' | ForEach-Object { "10$([int] [char] $_ - 96)" } | Reset-AzApiManagementBackendConnection -Context $context -BackendId { $_ } -TimeUntilReset 5 }
    Assert-Equal @($told).Count 0 "warnings where the time is given: $told"
    Assert-Equal (Get-SentSorted) 'POST 101/reconnect', 'POST 101/reconnect {"properties":{"after":"PT5S"}}', 'POST 102/reconnect',
        'POST 102/reconnect {"properties":{"after":"PT5S"}}' 'sent'
}

Test 'a column TimeUntilReset is not read; one warning names the script block that reads it' {
    $rows = [pscustomobject] @{ BackendId = '1'; TimeUntilReset = '30' }, [pscustomobject] @{ BackendId = '2'; TimeUntilReset = '40' }
    $told = Get-Warnings { $rows | Reset-AzApiManagementBackendConnection -Context $context }
    Assert-Equal @($told).Count 1 "warnings: $told"
    Assert-Contains $told '-TimeUntilReset { $_.TimeUntilReset }'
    $told = Get-Warnings { $rows | Reset-AzApiManagementBackendConnection -Context $context -TimeUntilReset { $_.TimeUntilReset } }
    Assert-Equal @($told).Count 0 "warnings where it is read: $told"
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 1/reconnect {"properties":{"after":"PT30S"}}', 'POST 2/reconnect',
        'POST 2/reconnect {"properties":{"after":"PT40S"}}' 'sent'
}

Test 'what one row has does not stay for the next, a backend or not' {
    [pscustomobject] @{ BackendId = '1'; Url = 'https://row.example/' }, [pscustomobject] @{ BackendId = '2' } | Reset-AzApiManagementBackendConnection -Context $context
    (New-Backend 3), [pscustomobject] @{ InputObject = New-Backend 4 } | Reset-AzApiManagementBackendConnection
    $problem = Assert-WritesError {
        [pscustomobject] @{ Protocol = 'http' }, [pscustomobject] @{ Nothing = 1 } | Reset-AzApiManagementBackendConnection -Context $context -BackendId 5
    }
    Assert-Error $problem InputObjectNotBound InvalidArgument
    Assert-Equal (Get-SentSorted) 'PATCH 1 {"properties":{"url":"https://row.example/"}}', 'PATCH 5 {"properties":{"protocol":"http"}}', 'POST 1/reconnect',
        'POST 2/reconnect', 'POST 3/reconnect', 'POST 4/reconnect', 'POST 5/reconnect' 'sent'
}

Test 'an object of a wrong type for -Credential or -Proxy: the error names the cmdlet that makes the right one' {
    $secure = [securestring]::new()
    $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential ([pscredential]::new('user', $secure)) }
    Assert-Contains $problem.Exception.Message 'New-AzApiManagementBackendCredential'
    Assert-Contains $problem.Exception.Message 'PSCredential'
    $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Proxy 'http://px' }
    Assert-Contains $problem.Exception.Message 'New-AzApiManagementBackendProxy'
    $problem = Assert-WritesError { [pscustomobject] @{ BackendId = '1'; Proxy = 'http://px' } | Reset-AzApiManagementBackendConnection -Context $context }
    Assert-Contains $problem.Exception.Message 'New-AzApiManagementBackendProxy'
    Assert-Equal (Get-Sent) @() 'sent'
}
