# What dooms every item ends the call: it can be caught, and nothing is sent.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"

$context = New-Context

# Nothing is found here: no CLI on PATH, no account of theirs.
$empty = "$env:TEST_SCRATCH/empty"
$null = [System.IO.Directory]::CreateDirectory($empty)

# The error that ends a call in a process of its own: its id, category and message. For what a process keeps once it has it,
# its library and the variables it was started with.
function Get-CaughtError {
    param([hashtable] $Environment)

    $told = Invoke-Script @"
$Preamble
try {
    (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection
} catch {
    `$_.FullyQualifiedErrorId
    "`$(`$_.CategoryInfo.Category)"
    `$_.Exception.Message
}
"@ $Environment
    Assert-Equal $told.Errors '' 'errors outside of the catch'
    Assert-Equal (Get-Journal) @() 'sent'
    @($told.Output.TrimEnd() -split '\r?\n').Where({ -not $_.StartsWith('WARNING: ') })
}

Test 'no subscription, with a context' {
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = $null } {
        $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -ErrorAction Stop }
        Assert-Error $problem SubscriptionNotFound InvalidArgument
        Assert-Contains $problem.Exception.Message 'AZURE_SUBSCRIPTION_ID'
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'no subscription ends the call, told once' {
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = $null } {
        $rows = foreach ($n in 1..100) { [pscustomobject] @{ BackendId = "$n" } }
        $problem = Assert-Throws { $rows | Reset-AzApiManagementBackendConnection -Context $context }
        Assert-Error $problem SubscriptionNotFound InvalidArgument
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'an input object needs no current subscription' {
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = $null } {
        New-Backend 1 | Reset-AzApiManagementBackendConnection
    }
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a subscription that is no GUID' {
    Use-Environment @{ AZURE_SUBSCRIPTION_ID = 'my subscription' } {
        $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -ErrorAction Stop }
        Assert-Contains $problem.Exception.Message "'my subscription'"
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'no credential: each that was tried is told, once' {
    $variables = @{
        AZURE_ACCESS_TOKEN = $null; AZURE_POD_IDENTITY_AUTHORITY_HOST = 'http://127.0.0.1:1'; PATH = $empty
    }
    Use-Environment $variables {
        $backends = foreach ($n in 1..20) { New-Backend $n }
        $problem = Assert-Throws { $backends | Reset-AzApiManagementBackendConnection }
        Assert-Error $problem CredentialUnavailable AuthenticationError
        foreach ($source in 'EnvironmentCredential', 'WorkloadIdentityCredential', 'ManagedIdentityCredential', 'Azure CLI', 'Azure Developer CLI', 'AZURE_ACCESS_TOKEN') {
            Assert-Contains $problem.Exception.Message $source
        }
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a token that cannot be one is not shown' {
    Use-Environment @{ AZURE_ACCESS_TOKEN = "two`nlines-of-secret" } {
        $problem = Assert-Throws { New-Backend 1 | Reset-AzApiManagementBackendConnection }
        Assert-Contains $problem.Exception.Message 'AZURE_ACCESS_TOKEN'
        Assert-NotContains "$($problem.Exception)" 'lines-of-secret'
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a token never goes over plain http' {
    Use-Environment @{ AZURE_RESOURCE_MANAGER_ENDPOINT = 'http://management.example' } {
        $problem = Assert-Throws { New-Backend 1 | Reset-AzApiManagementBackendConnection }
        Assert-Error $problem InsecureEndpoint SecurityError
        Assert-Contains $problem.Exception.Message 'http://management.example'
    }
}

Test 'plain http to this machine is fine' {
    Use-Environment @{ AZURE_RESOURCE_MANAGER_ENDPOINT = $env:TEST_CONTROL } {
        New-Backend 1 | Reset-AzApiManagementBackendConnection
    }
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a certificate that is not trusted' {
    $told = Get-CaughtError @{ SSL_CERT_FILE = $null }
    Assert-Equal $told[0, 1] 'CertificateRejected,Reset-AzApiManagementBackendConnection', 'SecurityError' 'error'
    Assert-Contains $told[2] 'SSL_CERT_FILE'
}

Test 'the item that ended the call is told by its error, not among those that were given up' {
    $script = "$Preamble
foreach (`$count in 1, 3) {
    try {
        1..`$count | ForEach-Object { New-Backend `$_ } | Reset-AzApiManagementBackendConnection -WarningVariable told -WarningAction SilentlyContinue
    } catch {
        `"`$(`$_.FullyQualifiedErrorId): `$told`"
    }
}"
    $untrusted = Invoke-Script $script @{ SSL_CERT_FILE = $null }
    Add-Fault @{ status = 401; times = 1000; code = 'InvalidAuthenticationToken'; message = 'The token is wrong.' }
    $refused = Invoke-Script $script
    Assert-Equal "$($untrusted.Errors)$($refused.Errors)" '' 'errors outside of the catch'
    $one, $three = $untrusted.Output.TrimEnd() -split '\r?\n'
    Assert-Equal $one 'CertificateRejected,Reset-AzApiManagementBackendConnection: ' 'one item'
    # The call may have ended before it took the others.
    if ($three -match 'Cancelled: (\d+) sent without an answer, (\d+) not done') {
        Assert-True ([int] $Matches[1] + $Matches[2] -le 2) "three items: $three"
    }
    $one = @($refused.Output -split '\r?\n')[0]
    Assert-Equal $one 'AuthenticationFailed,Reset-AzApiManagementBackendConnection: ' 'one item that is refused'
}

Test 'an endpoint that is no address' {
    Use-Environment @{ AZURE_RESOURCE_MANAGER_ENDPOINT = 'nowhere' } {
        $problem = Assert-Throws { New-Backend 1 | Reset-AzApiManagementBackendConnection }
        Assert-Error $problem InvalidEndpoint InvalidArgument
        Assert-Contains $problem.Exception.Message "'nowhere'"
    }
}

Test 'a variable for tuning that cannot be used' {
    foreach ($case in @('AZAPIM_WINDOW', '0'), @('AZAPIM_WINDOW', 'many'), @('AZAPIM_WINDOW', '1025'), @('AZAPIM_TIMEOUT_SECONDS', '-1'), @('AZAPIM_TRIES', '1.5')) {
        Use-Environment @{ $case[0] = $case[1] } {
            $problem = Assert-Throws { New-Backend 1 | Reset-AzApiManagementBackendConnection }
            Assert-Error $problem InvalidOptions InvalidArgument
            Assert-Contains $problem.Exception.Message "$($case[0]) is '$($case[1])'"
        }
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'these errors can be caught, and the script goes on' {
    Use-Environment @{ AZAPIM_WINDOW = 'many' } {
        $caught = try { New-Backend 1 | Reset-AzApiManagementBackendConnection } catch { $_.FullyQualifiedErrorId }
        Assert-Equal $caught 'InvalidOptions,Reset-AzApiManagementBackendConnection' 'caught'
        # Without a try, only the statement ends.
        $told = Invoke-Script "$Preamble
New-Backend 1 | Reset-AzApiManagementBackendConnection
'next statement'"
        Assert-Contains $told.Errors 'AZAPIM_WINDOW'
        Assert-Contains $told.Output 'next statement'
    }
}

Test 'a call works after one that ended so' {
    Use-Environment @{ AZAPIM_WINDOW = 'many' } {
        $null = Assert-Throws { New-Backend 1 | Reset-AzApiManagementBackendConnection }
    }
    New-Backend 1 | Reset-AzApiManagementBackendConnection
    Assert-Equal (Get-Sent) 'POST 1/reconnect' 'sent'
}

Test 'a native library that is not there' {
    $path = "$empty/no-such-library.so"
    $told = Get-CaughtError @{ AZAPIM_NATIVE_LIBRARY = $path }
    Assert-Equal $told[0, 1] 'NativeLibraryNotFound,Reset-AzApiManagementBackendConnection', 'ObjectNotFound' 'error'
    Assert-Contains $told[2] "'$path'"
    Assert-Contains $told[2] 'AZAPIM_NATIVE_LIBRARY'
}

Test 'a native library that is none' {
    $path = "$empty/none.so"
    [System.IO.File]::WriteAllText($path, 'not a library')
    $told = Get-CaughtError @{ AZAPIM_NATIVE_LIBRARY = $path }
    Assert-Equal $told[0, 1] 'NativeLibraryNotFound,Reset-AzApiManagementBackendConnection', 'ResourceUnavailable' 'error'
    Assert-Contains $told[2] "'$path'"
}

Test 'a native library of something else' {
    $folder = [System.Runtime.InteropServices.RuntimeEnvironment]::GetRuntimeDirectory()
    $path = [System.IO.Directory]::GetFiles($folder, '*System.IO.Compression.Native.*').Where({ $_ -match '\.(so|dll|dylib)$' })[0]
    $told = Get-CaughtError @{ AZAPIM_NATIVE_LIBRARY = $path }
    Assert-Equal $told[0, 1] 'NativeLibraryMismatch,Reset-AzApiManagementBackendConnection', 'ResourceUnavailable' 'error'
    Assert-Contains $told[2] "'$path'"
}

Test 'a native library of another version' {
    $source = "$empty/other.rs"
    [System.IO.File]::WriteAllText($source, '#[unsafe(no_mangle)] pub extern "C" fn apimbc_abi_version() -> u32 { 999 }')
    $path = "$empty/other-version.library"
    $compiler = [System.Diagnostics.Process]::Start([System.Diagnostics.ProcessStartInfo]::new($env:TEST_RUSTC, [string[]] @('--edition', '2024', '--crate-type', 'cdylib', '-o', $path, $source)))
    $compiler.WaitForExit()
    Assert-Equal $compiler.ExitCode 0 'exit code of rustc'
    $told = Get-CaughtError @{ AZAPIM_NATIVE_LIBRARY = $path }
    Assert-Equal $told[0, 1] 'NativeLibraryMismatch,Reset-AzApiManagementBackendConnection', 'ResourceUnavailable' 'error'
    Assert-Contains $told[2] "'$path'"
    Assert-Contains $told[2] '999'
}

Test 'importing the module needs no library' {
    $told = Invoke-Script 'Import-Module AzApiManagement.BackendConnection; (Get-Command Reset-AzApiManagementBackendConnection).Name' @{ AZAPIM_NATIVE_LIBRARY = "$empty/no-such-library.so" }
    Assert-Equal $told.Output.TrimEnd() 'Reset-AzApiManagementBackendConnection' 'told'
}
