# Emulator: {"backends":250}
#
# Get-Help of the cmdlet: it holds what the page that documented it holds, its parameters are those of the cmdlet, and its examples run.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/ModuleSurface.ps1"

Import-Module AzApiManagement.Standalone

$cmdlet = Get-Command Reset-AzApiManagementBackendConnection
$help = Get-Help Reset-AzApiManagementBackendConnection -Full

# The paragraphs of a part of the help, blank ones left out.
function Get-Paragraphs {
    param([object] $Part)

    foreach ($text in $Part.Text) {
        if (-not [string]::IsNullOrWhiteSpace($text)) { $text.Trim() }
    }
}

function Get-HelpParameter {
    param([string] $Name)

    @($help.parameters.parameter).Where({ $_.name -eq $Name })[0]
}

# What Get-Help says of how a parameter takes pipeline input, by what the binder does.
function Get-PipelineInput {
    param([System.Management.Automation.ParameterSetMetadata] $Set)

    $ways = @(if ($Set.ValueFromPipelineByPropertyName) { 'ByPropertyName' }; if ($Set.ValueFromPipeline) { 'ByValue' })
    if ($ways) { "True ($([string]::Join(', ', $ways)))" } else { 'False' }
}

Test 'it is found by the name of the cmdlet' {
    Assert-Equal $help.Name, $help.ModuleName 'Reset-AzApiManagementBackendConnection', 'AzApiManagement.BackendConnection' 'names'
    Assert-Equal $help.details.verb, $help.details.noun 'Reset', 'AzApiManagementBackendConnection' 'verb and noun'
}

Test 'synopsis and description begin as the page' {
    Assert-Equal $help.Synopsis 'Resets a backend API connection' 'synopsis'
    Assert-Equal @(Get-Paragraphs $help.details.description) 'Resets a backend API connection' 'short description'
    Assert-Equal @(Get-Paragraphs $help.description)[0] 'Resets backend connection' 'description'
}

Test 'each parameter has the text of the page first' {
    $texts = [ordered] @{
        BackendId      = 'Identifier of new backend. This parameter is required.'
        Context        = 'Instance of PsApiManagementContext. This parameter is required.'
        Credential     = 'Credential details which should be used when talking to the Backend. This parameter is optional.'
        InputObject    = 'Instance of PsApiManagementBackend. This parameter is required.'
        PassThru       = 'Indicates that this cmdlet returns the PsApiManagementBackend that this cmdlet modifies.'
        Protocol       = 'Backend Communication protocol (http or soap). This parameter is optional'
        TimeUntilReset = 'Sets the time until the reset will occur in seconds.'
        Proxy          = 'Proxy Server details to be used while sending request to the Backend. This parameter is optional.'
        Url            = 'Runtime Url for the Backend. This parameter is optional.'
        Confirm        = 'Prompts you for confirmation before running the cmdlet.'
        WhatIf         = 'Shows what would happen if the cmdlet runs. The cmdlet is not run.'
    }
    foreach ($name in $texts.Keys) {
        Assert-Equal @(Get-Paragraphs (Get-HelpParameter $name).description)[0] $texts[$name] "-$name"
    }
    Assert-Equal @($help.parameters.parameter).Count $texts.Count 'parameters'
}

Test 'the help of one parameter can be asked for' {
    foreach ($name in Get-OwnParameters $cmdlet) {
        $one = Get-Help Reset-AzApiManagementBackendConnection -Parameter $name
        Assert-Equal $one.name $name 'name'
        Assert-True (@(Get-Paragraphs $one.description).Count -gt 0) "-$name has a text"
    }
}

Test 'parameters are those of the cmdlet, in alphabetical order' {
    Assert-Equal @($help.parameters.parameter.name) @(Get-OwnParameters $cmdlet) 'parameters'
}

# The type of a parameter as a reader thinks of it: nobody needs to know that a number may be left open.
function Get-ShownType {
    param([string] $Name)

    $type = $cmdlet.Parameters[$Name].ParameterType
    if ([Nullable]::GetUnderlyingType($type)) { [Nullable]::GetUnderlyingType($type).FullName } else { @(Get-Row $cmdlet $Name)[0] }
}

Test 'each parameter has the type, aliases and pipeline input of the cmdlet' {
    foreach ($parameter in $help.parameters.parameter) {
        $name = $parameter.name
        $metadata = $cmdlet.Parameters[$name]
        Assert-Equal $parameter.type.name (Get-ShownType $name) "type of -$name"
        $aliases = if ($metadata.Aliases.Count) { [string]::Join(', ', $metadata.Aliases) } else { 'none' }
        Assert-Equal $parameter.aliases $aliases "aliases of -$name"
        Assert-Equal $parameter.position 'named' "position of -$name"
        Assert-Equal $parameter.globbing 'false' "wildcards of -$name"
        foreach ($set in $metadata.ParameterSets.Values) {
            Assert-Equal $parameter.pipelineInput (Get-PipelineInput $set) "pipeline input of -$name"
        }
        $mandatory = @($metadata.ParameterSets.Values.IsMandatory) -contains $true
        Assert-Equal $parameter.required "$mandatory".ToLowerInvariant() "whether -$name is required"
    }
}

Test 'each set of the syntax is that of the cmdlet, in the order of the page' {
    $common = [System.Management.Automation.Cmdlet]::CommonParameters
    $items = @($help.syntax.syntaxItem)
    Assert-Equal $items.Count $cmdlet.ParameterSets.Count 'sets'
    $shared = 'BackendId', 'TimeUntilReset', 'Protocol', 'Url', 'Credential', 'Proxy', 'PassThru', 'WhatIf', 'Confirm'
    Assert-Equal $items[0].parameter.name (@('Context') + $shared) 'the default set'
    Assert-Equal $items[1].parameter.name (@('InputObject') + $shared) 'the other set'
    foreach ($item in $items) {
        Assert-Equal $item.name 'Reset-AzApiManagementBackendConnection' 'name'
        $set = @($cmdlet.ParameterSets).Where({ $_.Parameters.Name -contains $item.parameter[0].name })[0]
        Assert-Equal $item.parameter.name @($set.Parameters.Name).Where({ $_ -notin $common }) "parameters of $($set.Name)"
        foreach ($parameter in $item.parameter) {
            $of = @($set.Parameters).Where({ $_.Name -eq $parameter.name })[0]
            Assert-Equal $parameter.required "$($of.IsMandatory)".ToLowerInvariant() "whether -$($of.Name) is required in $($set.Name)"
            $typeName = (Get-ShownType $of.Name).Split('.')[-1]
            $shown = if ($typeName -eq 'SwitchParameter') { $null } else { $typeName }
            Assert-Equal $parameter.parameterValue $shown "value of -$($of.Name) in $($set.Name)"
        }
    }
}

Test 'the values of -Protocol are shown' {
    foreach ($item in $help.syntax.syntaxItem) {
        $protocol = @($item.parameter).Where({ $_.name -eq 'Protocol' })[0]
        Assert-Equal $protocol.parameterValueGroup.parameterValue 'http', 'soap' 'values'
    }
}

Test 'the examples of the page come first, as they stand there' {
    $examples = @($help.examples.example)
    Assert-Equal $examples[0].title 'Example 1: Resets backend connection using Context' 'title'
    Assert-Equal @($examples[0].code -split '\r?\n') 'PS C:\>$apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"',
        'PS C:\>Reset-AzApiManagementBackendConnection -Context $apimContext -BackendId 123 -Protocol http -Url ''https://contoso.com/awesomeapi'' -PassThru' 'code'
    Assert-Equal $examples[1].title 'Example 2' 'title'
    Assert-Equal @(Get-Paragraphs $examples[1].remarks) 'Resets backend connection using InputObject' 'text'
    Assert-Equal $examples[1].code ('Reset-AzApiManagementBackendConnection -BackendId 123 -InputObject <PsApiManagementBackend> ' +
        '-Credential <PsApiManagementBackendCredential> -Protocol http -Url ''https://contoso.com/awesomeapi''') 'code'
}

Test 'every example runs, one after the other' {
    # What the examples take from elsewhere: a file, and the objects that stand in angle brackets.
    function Import-Csv { [pscustomobject] @{ BackendId = '7'; Protocol = 'http'; Url = '' } }
    $given = @{ PsApiManagementBackend = '(New-Backend 123)'; PsApiManagementBackendCredential = '(New-Credential @{ Header = @{ h = @(''a'') } })' }
    $sent = foreach ($example in $help.examples.example) {
        $code = $example.code -replace '(?m)^PS C:\\>'
        $code = [regex]::Replace($code, '<(\w+)>', { param($match) $given[$match.Groups[1].Value] })
        $null = Invoke-Control DELETE journal
        $null = . ([scriptblock]::Create($code)) 6>$null
        $journal = @(Get-Journal)
        $refused = $journal.Where({ $_.status -notin 200, 202 })
        Assert-Equal $refused.Count 0 "refusals of '$code'"
        "$($journal.Where({ $_.method -eq 'PATCH' }).Count) changes, $($journal.Where({ $_.method -eq 'POST' }).Count) resets"
    }
    Assert-Equal $sent '1 changes, 1 resets', '1 changes, 1 resets', '0 changes, 250 resets', '0 changes, 0 resets' 'sent'
}

Test 'inputs and outputs are those of the page, in its order' {
    $expected = "${Models}PsApiManagementContext", 'System.String', 'System.Int',
        'System.Nullable`1[[System.Boolean, System.Private.CoreLib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=7cec85d7bea7798e]]',
        "${Models}PsApiManagementBackendCredential", "${Models}PsApiManagementBackendProxy", "${Models}PsApiManagementServiceFabric",
        'System.Management.Automation.SwitchParameter'
    # The page forgot the one that its other set takes.
    Assert-Equal @($help.inputTypes.inputType | ForEach-Object { $_.type.name }) ($expected + "${Models}PsApiManagementBackend") 'inputs'
    Assert-Equal @($help.returnValues.returnValue | ForEach-Object { $_.type.name }) $cmdlet.OutputType.Name 'outputs'
}

Test 'the notes have what a user must know beyond the page' {
    $notes = [string]::Join("`n", @(Get-Paragraphs $help.alertSet.alert))
    foreach ($part in 'AZURE_ACCESS_TOKEN', 'AZURE_SUBSCRIPTION_ID', 'AZURE_CLOUD', 'AZURE_RESOURCE_MANAGER_ENDPOINT', 'AZURE_AUTHORITY_HOST', 'HTTPS_PROXY', 'NO_PROXY',
        'SSL_CERT_FILE', 'AZAPIM_WINDOW', 'AZAPIM_TIMEOUT_SECONDS', 'AZAPIM_TRIES', 'AZAPIM_NATIVE_LIBRARY', 'Az.Accounts', 'Import-Clixml', 'FullyQualifiedErrorId', 'SettingsChanged', 'Ctrl+C') {
        Assert-Contains $notes $part
    }
}

Test 'the links are those of the page, and its online address' {
    $links = @($help.relatedLinks.navigationLink)
    # Get-Help -Online opens it.
    Assert-Equal $links[0].uri $cmdlet.HelpUri 'online address'
    Assert-True (@($links.linkText) -contains 'Get-AzApiManagementBackend') 'the related cmdlet'
}

Test 'no text is left blank' {
    foreach ($part in @($help.examples.example | ForEach-Object { $_.remarks }), @($help.inputTypes.inputType | ForEach-Object { $_.description }), @($help.returnValues.returnValue | ForEach-Object { $_.description })) {
        foreach ($one in $part) {
            Assert-True (@(Get-Paragraphs $one).Count -gt 0) 'there is a text'
        }
    }
}
