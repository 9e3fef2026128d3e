# -WhatIf and -Confirm.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"

$context = New-Context

Test '-WhatIf sends nothing' {
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Protocol http -Url 'https://contoso.com/' -PassThru -WhatIf
    (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -WhatIf
    Assert-Equal (Get-Journal) @() 'sent'
}

Test '-WhatIf gives no output, not even with -PassThru' {
    $output = (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -WhatIf -PassThru
    Assert-Equal $output @() 'output'
}

Test '-WhatIf says what would be done, to which backend' {
    $told = Invoke-Script @"
$Preamble
Reset-AzApiManagementBackendConnection -Context `$context -BackendId plain -WhatIf
Reset-AzApiManagementBackendConnection -Context `$context -BackendId timed -TimeUntilReset 30 -WhatIf
Reset-AzApiManagementBackendConnection -Context `$context -BackendId changed -Url https://contoso.com/ -WhatIf
New-Backend piped | Reset-AzApiManagementBackendConnection -WhatIf
New-Backend 'it''s "quoted"' | Reset-AzApiManagementBackendConnection -WhatIf
"@
    Assert-Equal ($told.Output.TrimEnd() -split '\r?\n') @(
        'What if: Performing the operation "Reset connection" on target "backend ''plain'' of service ''contoso'' in resource group ''Api-Default-WestUS''".'
        'What if: Performing the operation "Reset connection in 30 seconds" on target "backend ''timed'' of service ''contoso'' in resource group ''Api-Default-WestUS''".'
        'What if: Performing the operation "Set Url to ''https://contoso.com/'' and reset connection" on target "backend ''changed'' of service ''contoso'' in resource group ''Api-Default-WestUS''".'
        'What if: Performing the operation "Reset connection" on target "backend ''piped'' of service ''contoso'' in resource group ''Api-Default-WestUS''".'
        'What if: Performing the operation "Reset connection" on target "backend ''it''s "quoted"'' of service ''contoso'' in resource group ''Api-Default-WestUS''".'
    ) 'told'
    Assert-Equal $told.Errors '' 'errors'
}

Test '-WhatIf needs no credential, no subscription and no service' {
    $told = Invoke-Script @"
$Preamble
Reset-AzApiManagementBackendConnection -Context `$context -BackendId 1 -WhatIf
New-Backend 1 | Reset-AzApiManagementBackendConnection -WhatIf
"@ @{ AZURE_ACCESS_TOKEN = $null; AZURE_SUBSCRIPTION_ID = $null; AZURE_RESOURCE_MANAGER_ENDPOINT = $null; SSL_CERT_FILE = $null }
    Assert-Equal $told.Errors '' 'errors'
    Assert-Equal @($told.Output.TrimEnd() -split '\r?\n').Count 2 'lines'
    Assert-Equal (Get-EmulatorStats).badTokens 0 'requests that were refused'
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'bad input is an error with -WhatIf, and the others are told of' {
    $told = Invoke-Script @"
$Preamble
(New-Backend 1), (New-Backend 2 -Id nonsense), (New-Backend 3) | Reset-AzApiManagementBackendConnection -WhatIf
"@
    Assert-Contains $told.Errors "'nonsense'"
    Assert-Equal @($told.Output.TrimEnd() -split '\r?\n').Count 2 'lines'
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'bad input is an error with -WhatIf where there is no credential at all' {
    $told = Invoke-Script @"
$Preamble
`$problem = `$null
New-Backend 2 -Id nonsense | Reset-AzApiManagementBackendConnection -WhatIf -ErrorVariable problem -ErrorAction SilentlyContinue
`$problem.FullyQualifiedErrorId
"@ @{ AZURE_ACCESS_TOKEN = $null; AZURE_SUBSCRIPTION_ID = $null; PATH = $env:HOME; AZURE_RESOURCE_MANAGER_ENDPOINT = $null }
    Assert-Equal $told.Output.TrimEnd() 'InvalidResourceId,Reset-AzApiManagementBackendConnection' 'told'
}

Test '$WhatIfPreference counts' {
    $global:WhatIfPreference = $true
    try {
        New-Backend 1 | Reset-AzApiManagementBackendConnection
        Assert-Equal (Get-Journal) @() 'sent'
        New-Backend 1 | Reset-AzApiManagementBackendConnection -WhatIf:$false
        Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
    } finally {
        $global:WhatIfPreference = $false
    }
}

Test 'the preference of the calling function counts, not only that of the session' {
    function Reset-Carefully {
        $WhatIfPreference = $true
        New-Backend 1 | Reset-AzApiManagementBackendConnection
        [pscustomobject] @{ BackendId = '2' } | Reset-AzApiManagementBackendConnection -Context $context
    }
    Reset-Carefully
    Assert-Equal (Get-Journal) @() 'sent'
}

Test '-WhatIf of a calling function counts' {
    function Reset-Carefully {
        [CmdletBinding(SupportsShouldProcess)]
        param()
        New-Backend 1 | Reset-AzApiManagementBackendConnection
    }
    Reset-Carefully -WhatIf
    Assert-Equal (Get-Journal) @() 'sent'
    Reset-Carefully
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test '-Confirm asks for each backend, and sends those that are agreed to' {
    $told = Invoke-Script "$Preamble
(New-Backend 1), (New-Backend 2), (New-Backend 3) | Reset-AzApiManagementBackendConnection -Confirm" -Arguments @() -Lines 'n', 'y', 'n'
    Assert-Contains $told.Output "backend '1' of service 'contoso'"
    Assert-Contains $told.Output "backend '3' of service 'contoso'"
    Assert-Equal (Get-Sent) 'POST 2/reconnect' "sent; told: $($told.Output) $($told.Errors)"
}

Test '-Confirm: yes to all, no to all' {
    $null = Invoke-Script "$Preamble
(New-Backend 1), (New-Backend 2), (New-Backend 3) | Reset-AzApiManagementBackendConnection -Confirm" -Arguments @() -Lines 'a'
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST 2/reconnect', 'POST 3/reconnect' 'yes to all'
    $null = Invoke-Control DELETE journal
    $null = Invoke-Script "$Preamble
(New-Backend 1), (New-Backend 2), (New-Backend 3) | Reset-AzApiManagementBackendConnection -Confirm" -Arguments @() -Lines 'y', 'l'
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'no to all'
}

Test 'bad input is not asked about' {
    $told = Invoke-Script "$Preamble
New-Backend 1 -Id nonsense | Reset-AzApiManagementBackendConnection -Confirm" -Arguments @() -Lines @()
    Assert-Contains $told.Errors "'nonsense'"
    Assert-NotContains $told.Output 'Are you sure'
}

Test '-Confirm:$false asks nothing, whatever the preference' {
    $told = Invoke-Script "$Preamble
`$ConfirmPreference = 'Low'
New-Backend 1 | Reset-AzApiManagementBackendConnection -Confirm:`$false"
    Assert-Equal $told.Errors '' 'errors'
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a reset asks nothing by default, and where the preference is Medium it does' {
    $told = Invoke-Script "$Preamble
New-Backend 1 | Reset-AzApiManagementBackendConnection
`$ConfirmPreference = 'Medium'
New-Backend 2 | Reset-AzApiManagementBackendConnection" -Arguments @() -Lines 'n'
    Assert-Contains $told.Output "backend '2' of service 'contoso'"
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test '-Confirm where nobody can answer ends the call once, and says how to go on' {
    $told = Invoke-Script "$Preamble
(New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection -Confirm -ErrorAction SilentlyContinue
`"ok: `$?`"
try { New-Backend 1 | Reset-AzApiManagementBackendConnection -Confirm } catch { `$_.FullyQualifiedErrorId; `$_.Exception.Message }
`$ConfirmPreference = 'Low'
try { New-Backend 1 | Reset-AzApiManagementBackendConnection } catch { `$_.FullyQualifiedErrorId }
'end'"
    $lines = $told.Output.TrimEnd() -split '\r?\n'
    Assert-Equal $lines[0, 1] 'ok: False', 'ConfirmationUnavailable,Reset-AzApiManagementBackendConnection' "told: $($told.Output) $($told.Errors)"
    Assert-Contains $lines[2] '-Confirm:$false'
    Assert-Equal ([regex]::Matches($told.Errors, 'cannot ask for confirmation').Count) 1 "errors that are shown: $($told.Errors)"
    Assert-Equal $lines[-2, -1] 'ConfirmationUnavailable,Reset-AzApiManagementBackendConnection', 'end' 'with the preference'
    Assert-Equal (Get-Sent) @() 'sent'
}

Test '-WhatIf says each setting with its new value, but for secrets' {
    $told = Invoke-Script "$Preamble
`$credential = New-Credential @{ Header = @{ 'x-key' = @('secret-a') } }
New-Backend 1 | Reset-AzApiManagementBackendConnection -Protocol soap -Url 'https://user:secret-b@contoso.com/a?code=secret-c&v=1' -Credential `$credential -Proxy (New-Proxy 'http://px:8080' user secret-d) -TimeUntilReset 300 -WhatIf"
    Assert-Equal $told.Errors '' 'errors'
    Assert-NotContains $told.Output 'secret-'
    foreach ($part in "Protocol to 'soap'", "Url to 'https://", 'contoso.com/a?code=', '&v=1', 'Credential', "Proxy to 'http://px:8080'", 'reset connection in 300 seconds',
        "backend '1' of service 'contoso' in resource group 'Api-Default-WestUS'") {
        Assert-Contains $told.Output $part
    }
}
