# Objects of Az.ApiManagement's types: of the real type where it is loaded, else custom objects of the type's name with the same
# properties in the same order.

$script:ModelNamespace = 'Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.'

# Types of Az that are loaded, by name; looked up anew when another assembly is loaded, since Az may be imported later.
$script:AzTypes = @{}
$script:AssembliesSearched = 0

function Find-AzType {
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

function New-AzModel {
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
        # The second name is for the format of our own objects; those of Az look as they always did.
        $object.PSObject.TypeNames.Insert(0, "AzApiManagement.$Name")
        $object.PSObject.TypeNames.Insert(0, $script:ModelNamespace + $Name)
        return $object
    }
    $object = $type::new()
    foreach ($member in $Members.GetEnumerator()) {
        $property = $type.GetProperty($member.Key)
        if ($null -eq $member.Value) {
            continue
        }
        if ($null -eq $property) {
            $object.PSObject.Properties.Add([psnoteproperty]::new($member.Key, $member.Value))
        } elseif ($property.CanWrite) {
            # Properties that Az computes (ResourceGroupName, ServiceName) have no setter.
            $object.($member.Key) = $member.Value
        }
    }
    $object
}
