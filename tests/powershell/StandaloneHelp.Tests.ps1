# Emulator: {"backends":250}
#
# Get-Help of the four cmdlets of AzApiManagement.Standalone: it is whole, it agrees with the cmdlets, and its examples run.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/ModuleSurface.ps1"

Import-Module AzApiManagement.Standalone

$cmdlets = Get-Command -Module AzApiManagement.Standalone

# The text of a part of the help without the white space around it.
function Get-Text {
    param([object] $Part)

    [string]::Join("`n", @($Part.Text)).Trim()
}

# Runs a check for each cmdlet, with its help.
function Test-EachHelp {
    param([scriptblock] $Check)

    Assert-Equal @($cmdlets).Count 4 'cmdlets'
    foreach ($cmdlet in $cmdlets) {
        & $Check $cmdlet (Get-Help $cmdlet.Name -Full)
    }
}

Test 'each has a synopsis and a description of its own' {
    Test-EachHelp {
        param($cmdlet, $help)

        Assert-Equal $help.Name, $help.ModuleName $cmdlet.Name, 'AzApiManagement.Standalone' 'names'
        Assert-True ($help.Synopsis.Trim().EndsWith('.')) "synopsis of ${cmdlet}: $($help.Synopsis)"
        Assert-True ((Get-Text $help.description).Length -gt 0) "description of $cmdlet"
    }
}

Test 'each parameter has a text, and no other is described' {
    Test-EachHelp {
        param($cmdlet, $help)

        Assert-Equal @($help.parameters.parameter.name | Sort-Object) @(Get-OwnParameters $cmdlet) "parameters of $cmdlet"
        foreach ($parameter in $help.parameters.parameter) {
            Assert-True ((Get-Text $parameter.description).Length -gt 0) "text of -$($parameter.name) of $cmdlet"
        }
        $content = $cmdlet.ScriptBlock.Ast.GetHelpContent()
        Assert-Equal @($content.Parameters.Keys | Sort-Object) @(Get-OwnParameters $cmdlet | ForEach-Object ToUpperInvariant | Sort-Object) "parameters that the comment of $cmdlet describes"
    }
}

Test 'each set of the syntax is that of the cmdlet' {
    $common = [System.Management.Automation.Cmdlet]::CommonParameters
    Test-EachHelp {
        param($cmdlet, $help)

        $sets = @($cmdlet.ParameterSets)
        $items = @($help.syntax.syntaxItem)
        Assert-Equal $items.Count $sets.Count "sets of $cmdlet"
        for ($i = 0; $i -lt $sets.Count; $i++) {
            $own = @($sets[$i].Parameters).Where({ $_.Name -notin $common })
            Assert-Equal @($items[$i].parameter.name) @($own.Name) "parameters of $cmdlet in $($sets[$i].Name)"
            Assert-Equal @($items[$i].parameter.required) @($own | ForEach-Object { "$($_.IsMandatory)".ToLowerInvariant() }) "what $cmdlet requires in $($sets[$i].Name)"
        }
    }
}

Test 'outputs are the output type, and inputs are told' {
    Test-EachHelp {
        param($cmdlet, $help)

        Assert-Equal $help.returnValues.returnValue.type.name.Trim() $cmdlet.OutputType.Name "outputs of $cmdlet"
        $takesInput = @($cmdlet.Parameters.Values.ParameterSets.Values | Where-Object { $_.ValueFromPipeline -or $_.ValueFromPipelineByPropertyName }).Count -gt 0
        $told = $help.inputTypes.inputType.type.name.Trim()
        Assert-Equal (-not $told.StartsWith('None')) $takesInput "whether $cmdlet takes input, by '$told'"
    }
}

Test 'the links are the online address, and cmdlets that there are' {
    Test-EachHelp {
        param($cmdlet, $help)

        $links = @($help.relatedLinks.navigationLink)
        Assert-Equal $links[0].uri $cmdlet.HelpUri "online address of $cmdlet"
        Assert-True ($links.Count -gt 1) "$cmdlet has related cmdlets"
        foreach ($link in $links[1..($links.Count - 1)]) {
            Assert-True (Get-Command $link.linkText -ErrorAction Ignore) "there is the cmdlet '$($link.linkText)' that $cmdlet links to"
        }
    }
}

Test 'every example runs, and gives what the cmdlet gives' {
    # Where an example asks the user.
    function Get-Credential {
        $secure = [securestring]::new()
        $secure.AppendChar('p')
        [pscredential]::new('user', $secure)
    }
    Test-EachHelp {
        param($cmdlet, $help)

        $examples = $cmdlet.ScriptBlock.Ast.GetHelpContent().Examples
        Assert-Equal $examples.Count @($help.examples.example).Count "examples of $cmdlet"
        foreach ($example in $examples) {
            # The code, then a blank line, then what it is for.
            $code, $text = $example.Trim() -split '\r?\n\s*\r?\n', 2
            Assert-True $text "there is a text at '$code'"
            Assert-Contains $code $cmdlet.Name
            $output = . ([scriptblock]::Create("$code`n`$proxy; `$credential; `$apimContext"))
            $names = @($output | Where-Object { $null -ne $_ } | ForEach-Object { $_.PSObject.TypeNames[0] })
            Assert-True ($names -contains $cmdlet.OutputType.Name -or $code.Contains('Reset-')) "'$code' gives a $($cmdlet.OutputType.Name)"
        }
    }
    $journal = @(Get-Journal)
    Assert-Equal $journal.Where({ $_.status -notin 200, 202 }).Count 0 'refusals'
    Assert-Equal $journal.Where({ $_.method -eq 'POST' }).Count 250 'resets'
}
