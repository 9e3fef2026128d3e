# Emulator: {"backends":130}
#
# The commands of README.md and docs/module.md, as they stand there: each block in a PowerShell of its own. Those of
# docs/authentication.md need people who sign in, and are run by tests/credentials.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"

$root = [System.IO.Path]::GetFullPath("$PSScriptRoot/../..")

# The blocks of PowerShell on a page, each as the heading that it is below and its code.
function Get-Blocks {
    param([string] $Page)

    $heading, $code = '', $null
    foreach ($line in [System.IO.File]::ReadAllLines("$root/$Page")) {
        if ($null -ne $code) {
            if ($line -ceq '```') {
                [pscustomobject] @{ Heading = $heading; Code = [string]::Join("`n", $code) }
                $code = $null
            } else {
                $code += $line
            }
        } elseif ($line -ceq '```powershell') {
            $code = @()
        } elseif ($line -match '^#+ +(.+)$') {
            $heading = $Matches[1]
        }
    }
}

$readme = @(Get-Blocks README.md)
$page = @(Get-Blocks docs/module.md)

$imports = "Import-Module AzApiManagement.BackendConnection`nImport-Module AzApiManagement.Standalone`n"
# What the blocks after the first take from it.
$context = "`$context = New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso`n"

# Runs a block, after what the page has the reader do before it. It must write no error. Gives the lines that it wrote.
function Invoke-Block {
    param([object] $Block, [string] $Before = $imports, [hashtable] $Environment = @{})

    $told = Invoke-Script "`$ErrorActionPreference = 'Stop'`n$Before$($Block.Code)" $Environment
    Assert-Equal $told.Errors '' "errors of:`n$($Block.Code)"
    Assert-Equal $told.ExitCode 0 "exit code of:`n$($Block.Code)`nwhich wrote:`n$($told.Output)"
    @($told.Output -split '\r?\n').Where({ $_ -ne '' })
}

# A place that looks like a checkout in which `cargo xtask stage` has run, and nothing is installed on the machine.
function New-Checkout {
    $checkout = "$env:TEST_SCRATCH/checkout"
    $staged = [System.IO.Path]::GetDirectoryName((Get-Module AzApiManagement.BackendConnection).ModuleBase)
    foreach ($file in [System.IO.Directory]::EnumerateFiles($staged, '*', 'AllDirectories')) {
        $copy = "$checkout/target/module/$([System.IO.Path]::GetRelativePath($staged, $file))"
        $null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($copy))
        [System.IO.File]::Copy($file, $copy, $true)
    }
    @{ Before = "`$null = `$ExecutionContext.SessionState.Path.SetLocation('$($checkout.Replace("'", "''"))')`n"; Environment = @{ PSModulePath = "$checkout/nothing-is-here" } }
}

# The requests of a method that were sent, in short.
function Get-SentBy {
    param([string] $Method)

    @(Get-SentSorted).Where({ $_.StartsWith("$Method ") })
}

# 'Install it' unpacks archives of `cargo xtask package` with Expand-Archive, which not every host has; xtask's own tests install them.
Test 'every block of the pages is run below' {
    Assert-Equal $readme.Heading 'Install it', 'Use it' 'README.md'
    Assert-Equal $page.Heading 'Installing', 'Installing', 'One backend, and all of them', 'What changes a backend, and what does not',
        'What changes a backend, and what does not', 'What changes a backend, and what does not', 'Errors' 'docs/module.md'
}

Test 'README: Install it' {
    # The archives are made by the release only, so stand-ins take the files and note where they go.
    $stand = "function Get-ChildItem { foreach (`$name in 'BackendConnection', 'Standalone') { [pscustomobject] @{ From = `$args[0].Replace('*', `$name) } } }
function Expand-Archive { param([Parameter(ValueFromPipeline)] `$File, `$DestinationPath) process { `"`$(`$File.From) to `$DestinationPath`" } }
"
    $to = if ($IsWindows) { '~/Documents/PowerShell/Modules' } else { '~/.local/share/powershell/Modules' }
    Assert-Equal (Invoke-Block $readme[0] $stand) "target/package/AzApiManagement.BackendConnection.zip to $to", "target/package/AzApiManagement.Standalone.zip to $to" 'what is unpacked'
}

Test 'README: Use it' {
    $checkout = New-Checkout
    $lines = Invoke-Block $readme[1] @checkout
    Assert-Equal @($lines -match '^What if: ').Count 130 'what would be done'
    Assert-Equal (Get-SentBy POST) 'POST 123/reconnect' 'resets'
    Assert-Equal (Get-SentBy PATCH) @() 'changes'
}

Test 'Installing: the modules lie in a folder of PSModulePath' {
    Assert-Equal (Invoke-Block $page[0] '') $null 'output'
    $after = [pscustomobject] @{ Code = $page[0].Code + "`n(Get-Module).Name" }
    Assert-Equal (Invoke-Block $after '' | Sort-Object) 'AzApiManagement.BackendConnection', 'AzApiManagement.Standalone' 'modules'
}

Test 'Installing: the modules lie where they were built' {
    $checkout = New-Checkout
    $after = [pscustomobject] @{ Code = $page[1].Code + "`n$($context)Get-AzApiManagementBackend -Context `$context -BackendId 1 | Reset-AzApiManagementBackendConnection" }
    Assert-Equal (Invoke-Block $after @checkout) $null 'output'
    Assert-Equal (Get-SentBy POST) 'POST 1/reconnect' 'resets'
}

Test 'One backend, and all of them' {
    $lines = Invoke-Block $page[2]
    Assert-Equal @($lines -match '^What if: ').Count 130 'what would be done'
    Assert-True (@($lines -match '^123 +\S* +https://contoso\.com/awesomeapi').Count -eq 1) "the backend as it is afterwards: $lines"
    Assert-Equal (Get-SentBy PATCH) 'PATCH 123 {"properties":{"url":"https://contoso.com/awesomeapi"}}' 'changes'
    $resets = Get-SentBy POST
    Assert-Equal $resets.Count 132 'resets'
    Assert-Equal $resets.Where({ $_.Contains('PT300S') }) 'POST 123/reconnect {"properties":{"after":"PT300S"}}' 'resets in five minutes'
}

Test 'What changes a backend: rows' {
    Assert-Equal (Invoke-Block $page[3] "$imports$context") $null 'output'
    Assert-Equal (Get-SentSorted) 'PATCH 1 {"properties":{"url":"https://one.contoso.com"}}', 'POST 1/reconnect', 'POST 2/reconnect' 'sent'
}

Test 'What changes a backend: a deserialized copy' {
    Assert-Equal (Invoke-Block $page[4] "$imports$context") $null 'output'
    Assert-Equal (Get-Sent) 'GET 123', 'POST 123/reconnect' 'sent'
}

Test 'What changes a backend: script blocks' {
    Assert-Equal (Invoke-Block $page[5] "$imports$context") $null 'output'
    Assert-Equal (Get-Sent) 'PATCH 1 {"properties":{"url":"https://one.contoso.com"}}', 'POST 1/reconnect {"properties":{"after":"PT300S"}}' 'sent'
}

Test 'What changes a backend: a piped number' {
    $text = [System.IO.File]::ReadAllText("$root/docs/module.md")
    $found = [regex]::Match($text, 'A piped number is a time: `([^`]+)`')
    Assert-True $found.Success 'the command is on the page'
    Assert-Equal (Invoke-Block ([pscustomobject] @{ Code = $found.Groups[1].Value }) "$imports$context") $null 'output'
    Assert-Equal (Get-Sent) 'POST 123/reconnect {"properties":{"after":"PT300S"}}' 'sent'
}

Test 'Errors' {
    $lines = Invoke-Block $page[6] "$imports$context"
    Assert-Equal $lines 'ResourceNotFound,Reset-AzApiManagementBackendConnection for gone, status 404' 'output'
    Assert-Equal (Get-SentSorted) 'POST 1/reconnect', 'POST gone/reconnect' 'sent'
}
