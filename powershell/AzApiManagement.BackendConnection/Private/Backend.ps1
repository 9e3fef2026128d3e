# A backend as Az's cmdlets give it, from the service's JSON: the real type where Az.ApiManagement is loaded, else a custom
# object of its type name with the same properties.

$script:ModelNamespace = 'Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.'

# Types of Az that are loaded, by name; looked up anew when another assembly is loaded, since Az may be imported later.
$script:AzTypes = @{}
$script:AssembliesSearched = 0

function script:Find-AzType {
    param([string] $Name)

    $assemblies = [AppDomain]::CurrentDomain.GetAssemblies()
    if ($assemblies.Length -ne $script:AssembliesSearched) {
        $script:AzTypes.Clear()
        $script:AssembliesSearched = $assemblies.Length
    }
    if (-not $script:AzTypes.ContainsKey($Name)) {
        $script:AzTypes[$Name] = $null
        foreach ($assembly in $assemblies) {
            if ($assembly.IsDynamic -and -not $assembly.GetName().Name.StartsWith('Microsoft.Azure.')) {
                continue
            }
            $type = $assembly.GetType($script:ModelNamespace + $Name)
            if ($null -ne $type) {
                $script:AzTypes[$Name] = $type
                break
            }
        }
    }
    $script:AzTypes[$Name]
}

function script:New-AzModel {
    param([string] $Name, [System.Collections.Specialized.OrderedDictionary] $Members)

    $type = Find-AzType $Name
    if ($null -eq $type) {
        # An expression without a result leaves a value that is serialized as an empty object: Export-Clixml needs a true null.
        foreach ($key in @($Members.Keys)) {
            if ($null -eq $Members[$key]) {
                $Members[$key] = $null
            }
        }
        $object = [pscustomobject] $Members
        $object.PSObject.TypeNames.Insert(0, $script:ModelNamespace + $Name)
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
        # Arrays of objects, as Az's are: a cast leaves an array of texts what it is.
        $table[$member.Name] = @(if ($member.Value.ValueKind -eq 'Array') { foreach ($value in $member.Value.EnumerateArray()) { $value.ToString() } })
    }
    $table
}

function script:ConvertTo-Credentials {
    param([System.Text.Json.JsonElement] $Json)

    $authorization = Get-JsonElement $Json 'authorization'
    New-AzModel 'PsApiManagementBackendCredential' ([ordered]@{
            Certificate   = Get-JsonStrings (Get-JsonElement $Json 'certificate')
            Query         = ConvertTo-ValuesTable (Get-JsonElement $Json 'query')
            Header        = ConvertTo-ValuesTable (Get-JsonElement $Json 'header')
            Authorization = if ($null -ne $authorization -and $authorization.ValueKind -eq 'Object') {
                New-AzModel 'PsApiManagementAuthorizationHeaderCredential' ([ordered]@{
                        Scheme    = Get-JsonText $authorization 'scheme'
                        Parameter = Get-JsonText $authorization 'parameter'
                    })
            }
        })
}

function script:ConvertTo-Proxy {
    param([System.Text.Json.JsonElement] $Json)

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
    param([System.Text.Json.JsonElement] $Json)

    $names = Get-JsonElement $Json 'serverX509Names'
    $x509Names = if ($null -ne $names -and $names.ValueKind -eq 'Array') {
        $table = @{}
        foreach ($entry in $names.EnumerateArray()) {
            if ($entry.ValueKind -eq 'Object') {
                $table["$(Get-JsonText $entry 'name')"] = Get-JsonText $entry 'issuerCertificateThumbprint'
            }
        }
        $table
    }
    $retries = Get-JsonElement $Json 'maxPartitionResolutionRetries'
    $number = 0
    $thumbprint = Get-JsonElement $Json 'clientCertificatethumbprint'
    New-AzModel 'PsApiManagementServiceFabric' ([ordered]@{
            ClientCertificateThumbprint   = if ($null -ne $thumbprint) { $thumbprint.ToString() }
            ClientCertificateId           = Get-JsonText $Json 'clientCertificateId'
            MaxPartitionResolutionRetries = if ($null -ne $retries -and $retries.ValueKind -eq 'Number' -and $retries.TryGetInt32([ref] $number)) { $number }
            ManagementEndpoints           = Get-JsonStrings (Get-JsonElement $Json 'managementEndpoints')
            ServerX509Names               = $x509Names
            ServerCertificateThumbprint   = Get-JsonStrings (Get-JsonElement $Json 'serverCertificateThumbprints')
        })
}

# What Az calls Properties: the checks that are skipped, only those that the service told of.
function script:ConvertTo-SkippedChecks {
    param([System.Text.Json.JsonElement] $Json)

    $checks = [System.Collections.Generic.Dictionary[string, object]]::new()
    foreach ($pair in @('validateCertificateChain', 'skipCertificateChainValidation'), @('validateCertificateName', 'skipCertificateNameValidation')) {
        $value = Get-JsonElement $Json $pair[0]
        if ($null -ne $value -and $value.ValueKind -in 'True', 'False') {
            $checks[$pair[1]] = -not $value.GetBoolean()
        }
    }
    $checks
}

# A fleet with -PassThru comes through here once an item, so each object of the JSON is gone through once only. A member of
# another kind than documented is as good as left out: what one backend has of it must not end the call for all.
function script:ConvertTo-Backend {
    param([System.Text.Json.JsonElement] $Json)

    $root = @{}
    $texts = @{}
    $objects = @{}
    foreach ($member in $Json.EnumerateObject()) {
        $root[$member.Name] = $member.Value
    }
    if ($root.ContainsKey('properties') -and $root['properties'].ValueKind -eq 'Object') {
        foreach ($member in $root['properties'].EnumerateObject()) {
            $value = $member.Value
            if ($value.ValueKind -eq 'String') {
                $texts[$member.Name] = $value.GetString()
            } elseif ($value.ValueKind -eq 'Object') {
                $objects[$member.Name] = $value
            }
        }
    }
    $id = "$($root['id'])"
    $segments = $id.Split('/')
    $fabric = if ($objects.ContainsKey('properties')) { Get-JsonElement $objects['properties'] 'serviceFabricCluster' }
    $hasFabric = $null -ne $fabric -and $fabric.ValueKind -eq 'Object'
    New-AzModel 'PsApiManagementBackend' ([ordered]@{
            Id                   = $id
            ResourceGroupName    = if ($segments.Length -gt 8) { $segments[4] }
            ServiceName          = if ($segments.Length -gt 8) { $segments[8] }
            BackendId            = "$($root['name'])"
            Protocol             = $texts['protocol']
            ResourceId           = $texts['resourceId']
            Title                = $texts['title']
            Description          = $texts['description']
            Url                  = $texts['url']
            Properties           = if ($objects.ContainsKey('tls')) { ConvertTo-SkippedChecks $objects['tls'] }
            Proxy                = if ($objects.ContainsKey('proxy')) { ConvertTo-Proxy $objects['proxy'] }
            Credentials          = if ($objects.ContainsKey('credentials')) { ConvertTo-Credentials $objects['credentials'] }
            ServiceFabricCluster = if ($hasFabric) { ConvertTo-ServiceFabric $fabric }
        })
}
