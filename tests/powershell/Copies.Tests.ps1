# A copy of a backend is no backend: the same rule, by the Id, for Az's objects and ours. And a backend that -Context sends
# elsewhere.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/DotNetModels.ps1"

Initialize-DotNetModels

$context = New-Context

function New-DotNetBackend {
    param([string] $BackendId)

    New-DotNetModel PsApiManagementBackend @{ Id = Get-BackendResourceId $BackendId; BackendId = $BackendId; Protocol = 'soap'; Url = 'https://own.example/' }
}

# A copy of all properties, with the type name that Select-Object gives it.
function Copy-Backend {
    param([object] $Backend)

    $copy = [ordered] @{}
    foreach ($property in $Backend.PSObject.Properties) { $copy[$property.Name] = $property.Value }
    $copy = [pscustomobject] $copy
    $copy.PSObject.TypeNames.Insert(0, "Selected.$($Backend.PSObject.BaseObject.GetType().FullName)")
    $copy
}

Test 'a copy with settings could mean either: an error of that item, for both kinds of objects' {
    foreach ($copy in (Copy-Backend (New-DotNetBackend 1)), (Copy-Backend (New-Backend 1)), [pscustomobject] @{ Id = Get-BackendResourceId 1; BackendId = '1'; Url = 'https://edited.example/' }) {
        $problem = Assert-WritesError { $copy, [pscustomobject] @{ BackendId = '2' } | Reset-AzApiManagementBackendConnection -Context $context }
        Assert-Error $problem AmbiguousInput InvalidArgument
        Assert-True ([object]::ReferenceEquals($problem.TargetObject, $copy)) 'the target of the error is the copy'
        Assert-Contains $problem.Exception.Message 'leave the Id out'
        Assert-Contains $problem.Exception.Message 'the backend itself'
        Assert-Contains $problem.Exception.Message (Get-BackendResourceId 1)
        Assert-Equal (Get-Sent) 'POST 2/reconnect' 'sent'
        Reset-Emulator
    }
}

Test 'an Id without settings, and blank settings, are no matter' {
    [pscustomobject] @{ Id = Get-BackendResourceId 1; BackendId = '1' } | Reset-AzApiManagementBackendConnection -Context $context
    [pscustomobject] @{ Id = Get-BackendResourceId 2; BackendId = '2'; Url = ' '; Protocol = ''; Proxy = $null } | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'an Id of another form is no matter' {
    foreach ($id in '17', 17, 'backends/1', '/subscriptions/x', '') {
        [pscustomobject] @{ Id = $id; BackendId = '1'; Url = 'https://row.example/' } | Reset-AzApiManagementBackendConnection -Context $context
    }
    Assert-Equal @(Get-Sent).Count 10 'sent'
}

Test 'a setting on the command line is meant, whatever the object is' {
    Copy-Backend (New-Backend 1) | ForEach-Object { $_.PSObject.Properties.Remove('Protocol'); $_.PSObject.Properties.Remove('Proxy'); $_ } |
        Reset-AzApiManagementBackendConnection -Context $context -Url 'https://new.example/'
    [pscustomobject] @{ Id = Get-BackendResourceId 2; BackendId = '2'; New = 'https://new.example/' } | Reset-AzApiManagementBackendConnection -Context $context -Url { $_.New }
    Assert-Equal (Get-SentSorted) 'PATCH 1 {"properties":{"url":"https://new.example/"}}', 'PATCH 2 {"properties":{"url":"https://new.example/"}}', 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'backends themselves are backends, live or deserialized' {
    New-DotNetBackend 1 | Reset-AzApiManagementBackendConnection -Context $context
    New-Backend 2 'Deserialized.' | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Sent) 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'a backend of another service is reset in that of -Context, and one warning names both' {
    $others = foreach ($n in 1, 2) { New-Backend $n -Id (Get-BackendResourceId $n).Replace('/contoso/', '/other/') }
    $told = @($others | Reset-AzApiManagementBackendConnection -Context $context 3>&1)
    Assert-Equal $told.Count 1 "warnings: $told"
    Assert-Contains $told[0].Message "service 'other' in resource group 'Api-Default-WestUS'"
    Assert-Contains $told[0].Message "'contoso' in resource group 'Api-Default-WestUS'"
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
    Assert-True (@((Get-Journal).path -match '/service/contoso/').Count -eq 2) 'where they went'
}

Test 'the warning obeys the preference of the calling function' {
    function Reset-Quietly { $WarningPreference = 'SilentlyContinue'; New-Backend 1 -Id (Get-BackendResourceId 1).Replace('/contoso/', '/other/') | Reset-AzApiManagementBackendConnection -Context $context }
    Assert-Equal @(Reset-Quietly 3>&1).Count 0 'warnings'
}

Test 'a backend of the same service in other letter case needs no warning' {
    $same = New-Backend 1 -Id (Get-BackendResourceId 1).Replace('/contoso/', '/CONTOSO/').Replace('Api-Default', 'API-DEFAULT')
    Assert-Equal @($same | Reset-AzApiManagementBackendConnection -Context $context 3>&1).Count 0 'warnings'
}

Test '-BackendId against a piped backend of another name is an error in either set' {
    foreach ($call in { New-Backend 1 | Reset-AzApiManagementBackendConnection -BackendId 2 }, { New-Backend 1 | Reset-AzApiManagementBackendConnection -Context $context -BackendId 2 },
        { New-Backend 1 'Deserialized.' | Reset-AzApiManagementBackendConnection -Context $context -BackendId 2 }) {
        $problem = Assert-WritesError $call
        Assert-Error $problem BackendIdMismatch InvalidArgument
        Assert-Contains $problem.Exception.Message "'2'"
    }
    Assert-Equal (Get-Sent) @() 'sent'
}
