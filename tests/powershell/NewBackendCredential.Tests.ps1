# New-AzApiManagementBackendCredential: what the credential holds, what it is refused for, and what a reset makes of it.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/AllStreams.ps1"

Import-Module AzApiManagement.Standalone

$context = New-Context
$command = 'New-AzApiManagementBackendCredential'

# What a reset with the credential writes to the backend.
function Get-Written {
    param([object] $Credential)

    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential $Credential
    $sent = @(Get-Sent)
    $null = Invoke-Control DELETE journal
    Assert-Equal $sent[1] 'POST 1/reconnect' 'the reset after the change'
    $sent[0] -replace '^PATCH 1 \{"properties":\{"credentials":(.*)\}\}$', '$1'
}

# The call makes no credential and sends nothing.
function Assert-Refused {
    param([scriptblock] $Call, [string] $Named)

    $problem = Assert-Throws $Call
    Assert-Error $problem InvalidCredential InvalidArgument $command
    Assert-True ($problem.Exception -is [ArgumentException]) 'the exception is an ArgumentException, as with Az'
    Assert-Contains $problem.Exception.Message $Named
    Assert-Equal (Get-Journal) @() 'sent'
}

# A credential that can be made, as Az makes it, and that no backend can take.
function Assert-RefusedByReset {
    param([object] $Credential, [string] $Named)

    $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential $Credential }
    Assert-Error $problem InvalidCredential InvalidArgument
    Assert-Contains $problem.Exception.Message $Named
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'its shape is that of Az' {
    $credential = New-AzApiManagementBackendCredential -AuthorizationHeaderScheme basic -AuthorizationHeaderParameter opensesame -Query @{ sv = 'xx', 'bb' } -Header @{ 'x-my-1' = 'val1', 'val2' }
    Assert-Equal $credential.PSObject.TypeNames[0] "${Models}PsApiManagementBackendCredential" 'type name'
    Assert-Equal $credential.PSObject.Properties.Name 'Certificate', 'Query', 'Header', 'Authorization' 'properties'
    Assert-Equal $credential.Certificate $null 'Certificate'
    Assert-True ($credential.Query -is [hashtable] -and $credential.Header -is [hashtable]) 'Query and Header are hashtables'
    Assert-Equal $credential.Query['sv'] 'xx', 'bb' 'Query'
    Assert-Equal $credential.Header['x-my-1'] 'val1', 'val2' 'Header'
    Assert-Equal $credential.Authorization.PSObject.TypeNames[0] "${Models}PsApiManagementAuthorizationHeaderCredential" 'type name of Authorization'
    Assert-Equal $credential.Authorization.PSObject.Properties.Name 'Scheme', 'Parameter' 'properties of Authorization'
    Assert-Equal $credential.Authorization.Scheme, $credential.Authorization.Parameter 'basic', 'opensesame' 'Authorization'
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'what is not given is null, so that nothing of it is written' {
    $credential = New-AzApiManagementBackendCredential
    foreach ($property in $credential.PSObject.Properties) {
        Assert-Equal $property.Value $null $property.Name
    }
    Assert-RefusedByReset $credential 'empty'
}

Test 'collections that are empty are left out, as Az does' {
    $credential = New-AzApiManagementBackendCredential -CertificateThumbprint @() -CertificateId @() -Query @{} -Header @{}
    foreach ($property in $credential.PSObject.Properties) {
        Assert-Equal $property.Value $null $property.Name
    }
    Assert-Equal (Get-Written (New-AzApiManagementBackendCredential -Query @{} -Header @{ 'x-key' = 'a' })) '{"header":{"x-key":["a"]}}' 'written'
}

Test 'null collections and texts are as good as left out' {
    $credential = New-AzApiManagementBackendCredential -CertificateThumbprint $null -CertificateId $null -Query $null -Header $null -AuthorizationHeaderScheme $null -AuthorizationHeaderParameter ''
    foreach ($property in $credential.PSObject.Properties) {
        Assert-Equal $property.Value $null $property.Name
    }
}

Test 'one thumbprint, and several' {
    $one = New-AzApiManagementBackendCredential -CertificateThumbprint '33CC47C6FCA848DC9B14A6F071C1EF7C33CC47C6'
    Assert-True ($one.Certificate -is [System.Collections.Generic.IEnumerable[string]]) 'Certificate is a collection of texts, also where there is one'
    Assert-Equal (Get-Written $one) '{"certificate":["33CC47C6FCA848DC9B14A6F071C1EF7C33CC47C6"]}' 'written'
    Assert-Equal (Get-Written (New-AzApiManagementBackendCredential -CertificateThumbprint '00112233445566778899AABBCCDDEEFF00112233', 'ffeeddccbbaa99887766554433221100ffeeddcc')) '{"certificate":["00112233445566778899AABBCCDDEEFF00112233","ffeeddccbbaa99887766554433221100ffeeddcc"]}' 'written'
}

Test 'ids of certificates are sent as ids' {
    $credential = New-AzApiManagementBackendCredential -CertificateId 'cert-one', 'cert-two'
    Assert-Equal $credential.Certificate 'cert-one', 'cert-two' 'Certificate'
    Assert-Equal (Get-Written $credential) '{"certificateIds":["cert-one","cert-two"]}' 'written'
}

Test 'ids win over thumbprints, and a warning says so' {
    $warnings = $null
    $credential = New-AzApiManagementBackendCredential -CertificateId 'the-id' -CertificateThumbprint 'the-thumbprint' -WarningVariable warnings -WarningAction SilentlyContinue
    Assert-Equal $credential.Certificate 'the-id' 'Certificate'
    Assert-Equal $warnings.Count 1 'warnings'
    Assert-Contains $warnings[0].Message '-CertificateId'
    $null = New-AzApiManagementBackendCredential -CertificateId 'the-id' -CertificateThumbprint @() -WarningVariable warnings
    Assert-Equal $warnings.Count 0 'warnings where the thumbprints are none'
}

Test 'the warning obeys the preference of the calling function' {
    function Invoke-Quietly { $WarningPreference = 'SilentlyContinue'; New-AzApiManagementBackendCredential -CertificateId 'id' -CertificateThumbprint 'thumbprint' 3>&1 }
    Assert-Equal @(Invoke-Quietly).Count 1 'output: the credential alone'
}

Test 'the most certificates that a backend takes, and one more' {
    $most = New-AzApiManagementBackendCredential -CertificateThumbprint @(foreach ($n in 1..32) { "thumbprint-$n" })
    Assert-Contains (Get-Written $most) '"thumbprint-32"'
    Assert-RefusedByReset (New-AzApiManagementBackendCredential -CertificateThumbprint @(foreach ($n in 1..33) { "thumbprint-$n" })) '33'
}

Test 'a blank thumbprint' {
    Assert-RefusedByReset (New-AzApiManagementBackendCredential -CertificateThumbprint 'one', ' ') 'blank'
    Assert-RefusedByReset (New-AzApiManagementBackendCredential -CertificateThumbprint 'one', '') 'blank'
}

Test 'a single text in place of an array of texts' {
    $credential = New-AzApiManagementBackendCredential -Header @{ 'x-key' = 'a' } -Query @{ q = 'b' }
    Assert-Equal (Get-Written $credential) '{"query":{"q":["b"]},"header":{"x-key":["a"]}}' 'written'
}

Test 'values of every kind of collection, in their order' {
    $list = [System.Collections.Generic.List[string]] @('second', 'first')
    $credential = New-AzApiManagementBackendCredential -Header @{ list = $list; array = [object[]] @('b', 'a'); texts = [string[]] @('d', 'c') }
    $written = (ConvertFrom-Json (Get-Written $credential)).header
    Assert-Equal ($written.array + $written.list + $written.texts) 'b', 'a', 'second', 'first', 'd', 'c' 'written'
}

Test 'an ordered dictionary' {
    $credential = New-AzApiManagementBackendCredential -Query ([ordered] @{ b = '1'; a = '2' })
    Assert-True ($credential.Query -is [hashtable]) 'Query is a hashtable'
    $written = (ConvertFrom-Json (Get-Written $credential)).query
    Assert-Equal $written.a, $written.b '2', '1' 'written'
}

Test 'texts beyond ASCII, and those that JSON must quote' {
    $credential = New-AzApiManagementBackendCredential -Header @{ 'x-text' = "quote "" backslash \ tab `t e-acute $([char] 0xE9)" } -AuthorizationHeaderScheme 'sch"eme' -AuthorizationHeaderParameter 'a\b'
    $written = ConvertFrom-Json (Get-Written $credential)
    Assert-Equal $written.header.'x-text' "quote "" backslash \ tab `t e-acute $([char] 0xE9)" 'header'
    Assert-Equal $written.authorization.scheme, $written.authorization.parameter 'sch"eme', 'a\b' 'authorization'
}

Test 'an empty text is a value' {
    Assert-Equal (Get-Written (New-AzApiManagementBackendCredential -Query @{ flag = '' })) '{"query":{"flag":[""]}}' 'written'
}

Test 'values that are no texts' {
    Assert-Refused { New-AzApiManagementBackendCredential -Header @{ 'x-key' = 42 } } "'x-key'"
    Assert-Refused { New-AzApiManagementBackendCredential -Query @{ q = 'a', 42 } } "'q'"
    Assert-Refused { New-AzApiManagementBackendCredential -Query @{ q = 'a', $null } } "'q'"
    Assert-Refused { New-AzApiManagementBackendCredential -Header @{ 'x-key' = @{ inner = 'a' } } } "'x-key'"
    Assert-Refused { New-AzApiManagementBackendCredential -Header @{ 'x-key' = [char] 'a' } } "'x-key'"
    Assert-Refused { New-AzApiManagementBackendCredential -Header @{ 'x-key' = $true } } "'x-key'"
}

Test 'a name without a value, and a value without a name' {
    Assert-RefusedByReset (New-AzApiManagementBackendCredential -Header @{ 'x-key' = @() }) "'x-key'"
    Assert-RefusedByReset (New-AzApiManagementBackendCredential -Query @{ q = $null }) "'q'"
    Assert-RefusedByReset (New-AzApiManagementBackendCredential -Header @{ '' = 'a' }) 'no name'
}

Test 'something else than a hashtable does not bind' {
    foreach ($call in { New-AzApiManagementBackendCredential -Header 'x-key=a' }, { New-AzApiManagementBackendCredential -Query @('a', 'b') }) {
        Assert-Error (Assert-Throws $call) ParameterArgumentTransformationError InvalidData $command
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'half of an authorization header' {
    Assert-Refused { New-AzApiManagementBackendCredential -AuthorizationHeaderScheme Basic } '-AuthorizationHeaderParameter'
    Assert-Refused { New-AzApiManagementBackendCredential -AuthorizationHeaderParameter opensesame } '-AuthorizationHeaderScheme'
    Assert-Refused { New-AzApiManagementBackendCredential -AuthorizationHeaderScheme Basic -AuthorizationHeaderParameter ' ' } '-AuthorizationHeaderParameter'
    Assert-Refused { New-AzApiManagementBackendCredential -AuthorizationHeaderScheme '' -AuthorizationHeaderParameter opensesame -Header @{ 'x-key' = 'a' } } '-AuthorizationHeaderScheme'
}

Test 'an authorization header of the greatest length, and a longer one' {
    $most = New-AzApiManagementBackendCredential -AuthorizationHeaderScheme ('s' * 100) -AuthorizationHeaderParameter ('p' * 300)
    Assert-Contains (Get-Written $most) ('p' * 300)
    Assert-RefusedByReset (New-AzApiManagementBackendCredential -AuthorizationHeaderScheme ('s' * 101) -AuthorizationHeaderParameter 'p') '101'
    Assert-RefusedByReset (New-AzApiManagementBackendCredential -AuthorizationHeaderScheme 's' -AuthorizationHeaderParameter ('p' * 301)) '301'
}

Test 'nothing is taken from the pipeline' {
    $row = [pscustomobject] @{ CertificateThumbprint = 'one'; Header = @{ 'x-key' = 'a' } }
    $output = $row | New-AzApiManagementBackendCredential -CertificateId 'two' -ErrorAction SilentlyContinue
    Assert-Equal $output.Certificate 'two' 'Certificate'
    Assert-Equal $output.Header $null 'Header'
}

Test '-DefaultProfile is taken, and changes nothing' {
    Assert-Equal (New-AzApiManagementBackendCredential -CertificateId 'one' -DefaultProfile 'any').Certificate 'one' 'Certificate'
    Assert-Equal (New-AzApiManagementBackendCredential -CertificateId 'one' -AzContext 'any').Certificate 'one' 'Certificate'
}

Test 'secrets are in no error' {
    $secret = 'secret-that-nobody-sees'
    foreach ($call in { New-AzApiManagementBackendCredential -AuthorizationHeaderParameter $secret -Verbose -Debug }, { New-AzApiManagementBackendCredential -Header @{ 'x-key' = $secret, 42 } -Verbose -Debug },
        { New-AzApiManagementBackendCredential -Query @{ q = $secret, $null } -Verbose -Debug }) {
        $text = Get-Everything $call
        Assert-Contains $text 'InvalidArgument'
        Assert-NotContains $text $secret
    }
}
