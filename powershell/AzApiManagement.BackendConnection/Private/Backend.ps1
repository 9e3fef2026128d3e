# A backend as Az's cmdlets give it, from the service's JSON: the real type where Az.ApiManagement is loaded, else a custom
# object of its type name with the same properties.

$script:ModelNamespace = 'Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.'

# Types of Az that are loaded, by name; looked up anew while they are not, since Az may be imported later.
$script:AzTypes = @{}

function script:New-AzModel {
    param([string] $Name, [System.Collections.Specialized.OrderedDictionary] $Members)

    $fullName = $script:ModelNamespace + $Name
    $type = $script:AzTypes[$Name]
    if ($null -eq $type) {
        foreach ($assembly in [AppDomain]::CurrentDomain.GetAssemblies()) {
            $type = if (-not $assembly.IsDynamic -or $assembly.GetName().Name.StartsWith('Microsoft.Azure.')) { $assembly.GetType($fullName) }
            if ($null -ne $type) {
                $script:AzTypes[$Name] = $type
                break
            }
        }
    }
    if ($null -eq $type) {
        $object = [psobject]::new()
        foreach ($member in $Members.GetEnumerator()) {
            $object.PSObject.Properties.Add([psnoteproperty]::new($member.Key, $member.Value))
        }
        $object.PSObject.TypeNames.Insert(0, $fullName)
        return $object
    }
    $object = $type::new()
    foreach ($member in $Members.GetEnumerator()) {
        $property = $type.GetProperty($member.Key)
        # Properties that Az computes (ResourceGroupName, ServiceName) have no setter.
        if ($null -ne $member.Value -and $null -ne $property -and $property.CanWrite) {
            $object.($member.Key) = $member.Value
        }
    }
    $object
}

# A member of a JSON object by its path, or $null where it is not there.
function script:Get-JsonElement {
    param([System.Text.Json.JsonElement] $Json, [string[]] $Path)

    $at = $Json
    foreach ($name in $Path) {
        if ($at.ValueKind -ne 'Object') {
            return
        }
        $next = $null
        foreach ($member in $at.EnumerateObject()) {
            if ($member.Name -eq $name) {
                $next = $member.Value
            }
        }
        if ($null -eq $next -or $next.ValueKind -eq 'Null') {
            return
        }
        $at = $next
    }
    $at
}

function script:Get-JsonStrings {
    param([object] $Json)

    if ($null -ne $Json -and $Json.ValueKind -eq 'Array') {
        , [string[]] @(foreach ($value in $Json.EnumerateArray()) { $value.ToString() })
    }
}

function script:ConvertTo-ValuesTable {
    param([object] $Json)

    if ($null -eq $Json -or $Json.ValueKind -ne 'Object') {
        return
    }
    $table = @{}
    foreach ($member in $Json.EnumerateObject()) {
        $table[$member.Name] = [object[]] (Get-JsonStrings $member.Value)
    }
    $table
}

function script:ConvertTo-Credentials {
    param([object] $Json)

    if ($null -eq $Json) {
        return
    }
    $authorization = Get-JsonElement $Json 'authorization'
    New-AzModel 'PsApiManagementBackendCredential' ([ordered]@{
            Certificate   = Get-JsonStrings (Get-JsonElement $Json 'certificate')
            Query         = ConvertTo-ValuesTable (Get-JsonElement $Json 'query')
            Header        = ConvertTo-ValuesTable (Get-JsonElement $Json 'header')
            Authorization = if ($null -ne $authorization) {
                New-AzModel 'PsApiManagementAuthorizationHeaderCredential' ([ordered]@{
                        Scheme    = Get-JsonText $authorization 'scheme'
                        Parameter = Get-JsonText $authorization 'parameter'
                    })
            }
        })
}

function script:ConvertTo-Proxy {
    param([object] $Json)

    if ($null -eq $Json) {
        return
    }
    $user = Get-JsonText $Json 'username'
    $password = Get-JsonText $Json 'password'
    $credential = [pscredential]::Empty
    if (-not [string]::IsNullOrEmpty($user) -and -not [string]::IsNullOrEmpty($password)) {
        $secure = [securestring]::new()
        foreach ($character in $password.ToCharArray()) {
            $secure.AppendChar($character)
        }
        $credential = [pscredential]::new($user, $secure)
    }
    New-AzModel 'PsApiManagementBackendProxy' ([ordered]@{
            Url              = Get-JsonText $Json 'url'
            ProxyCredentials = $credential
        })
}

function script:ConvertTo-ServiceFabric {
    param([object] $Json)

    if ($null -eq $Json) {
        return
    }
    $names = Get-JsonElement $Json 'serverX509Names'
    $x509Names = if ($null -ne $names) {
        $table = @{}
        foreach ($entry in $names.EnumerateArray()) {
            $table[(Get-JsonText $entry 'name')] = Get-JsonText $entry 'issuerCertificateThumbprint'
        }
        $table
    }
    $retries = Get-JsonElement $Json 'maxPartitionResolutionRetries'
    New-AzModel 'PsApiManagementServiceFabric' ([ordered]@{
            ClientCertificateThumbprint   = [string] (Get-JsonElement $Json 'clientCertificatethumbprint')
            ClientCertificateId           = Get-JsonText $Json 'clientCertificateId'
            MaxPartitionResolutionRetries = if ($null -ne $retries) { $retries.GetInt32() }
            ManagementEndpoints           = Get-JsonStrings (Get-JsonElement $Json 'managementEndpoints')
            ServerX509Names               = $x509Names
            ServerCertificateThumbprint   = Get-JsonStrings (Get-JsonElement $Json 'serverCertificateThumbprints')
        })
}

# What Az calls Properties: the checks that are skipped, only those that the service told of.
function script:ConvertTo-SkippedChecks {
    param([object] $Json)

    if ($null -eq $Json) {
        return
    }
    $checks = [System.Collections.Generic.Dictionary[string, object]]::new()
    foreach ($pair in @('validateCertificateChain', 'skipCertificateChainValidation'), @('validateCertificateName', 'skipCertificateNameValidation')) {
        $value = Get-JsonElement $Json $pair[0]
        if ($null -ne $value) {
            $checks[$pair[1]] = -not $value.GetBoolean()
        }
    }
    $checks
}

function script:ConvertTo-Backend {
    param([System.Text.Json.JsonElement] $Json)

    $id = Get-JsonText $Json 'id'
    $segments = ([string] $id).Split('/')
    $properties = Get-JsonElement $Json 'properties'
    New-AzModel 'PsApiManagementBackend' ([ordered]@{
            Id                   = $id
            ResourceGroupName    = if ($segments.Length -gt 8) { $segments[4] }
            ServiceName          = if ($segments.Length -gt 8) { $segments[8] }
            BackendId            = Get-JsonText $Json 'name'
            Protocol             = if ($null -ne $properties) { Get-JsonText $properties 'protocol' }
            ResourceId           = if ($null -ne $properties) { Get-JsonText $properties 'resourceId' }
            Title                = if ($null -ne $properties) { Get-JsonText $properties 'title' }
            Description          = if ($null -ne $properties) { Get-JsonText $properties 'description' }
            Url                  = if ($null -ne $properties) { Get-JsonText $properties 'url' }
            Properties           = ConvertTo-SkippedChecks (Get-JsonElement $Json 'properties', 'tls')
            Proxy                = ConvertTo-Proxy (Get-JsonElement $Json 'properties', 'proxy')
            Credentials          = ConvertTo-Credentials (Get-JsonElement $Json 'properties', 'credentials')
            ServiceFabricCluster = ConvertTo-ServiceFabric (Get-JsonElement $Json 'properties', 'properties', 'serviceFabricCluster')
        })
}
