# One engine session of a cmdlet's call: begun with the first item, drained while the pipeline goes on, ended always.
#
# A run is a hashtable, shared by the blocks of the cmdlet and these functions:
#   Native, Session   the emitted type and the session's handle
#   Az                what Get-AzAccountsContext gave, or $null
#   Inputs            the inputs whose items are not done with, oldest first; First is the number of the oldest
#   Output            a script block that turns a RESULT's JSON into output, or $null

# The variables that the engine reads. They are passed to it, because $env: is not the C environment on Unix.
$script:EngineVariables = @(
    'AZURE_ACCESS_TOKEN', 'AZURE_SUBSCRIPTION_ID', 'AZURE_RESOURCE_MANAGER_ENDPOINT', 'AZURE_AUTHORITY_HOST', 'AZURE_CLOUD'
    'AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PATH', 'AZURE_CLIENT_CERTIFICATE_PASSWORD'
    'AZURE_CLIENT_SEND_CERTIFICATE_CHAIN', 'AZURE_FEDERATED_TOKEN_FILE', 'AZURE_TOKEN_CREDENTIALS', 'AZURE_CONFIG_DIR'
    'AZURE_POD_IDENTITY_AUTHORITY_HOST', 'AZD_CONFIG_DIR', 'IDENTITY_ENDPOINT', 'IDENTITY_HEADER', 'IDENTITY_SERVER_THUMBPRINT'
    'IMDS_ENDPOINT', 'MSI_ENDPOINT', 'MSI_SECRET', 'AZAPIM_WINDOW', 'AZAPIM_TIMEOUT_SECONDS', 'AZAPIM_TRIES'
    'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy', 'NO_PROXY', 'no_proxy', 'SSL_CERT_FILE', 'SSL_CERT_DIR'
    'PATH', 'PATHEXT', 'HOME', 'USERPROFILE', 'SystemRoot', 'ComSpec', 'APPDATA', 'LOCALAPPDATA', 'TEMP', 'TMP', 'TMPDIR', 'XDG_CONFIG_HOME'
)

function New-EngineOptions {
    param([hashtable] $Az, [string] $Trace)

    $members = [System.Collections.Generic.List[string]]::new()
    $seen = [System.Collections.Generic.HashSet[string]]::new($(if ($IsWindows) { [StringComparer]::OrdinalIgnoreCase } else { [StringComparer]::Ordinal }))
    foreach ($name in $script:EngineVariables) {
        $value = [Environment]::GetEnvironmentVariable($name)
        if (-not [string]::IsNullOrEmpty($value) -and $seen.Add($name)) {
            $members.Add((ConvertTo-JsonString $name) + ':' + (ConvertTo-JsonString $value))
        }
    }
    $options = [System.Collections.Generic.List[string]]::new()
    $options.Add('"environment":{' + [string]::Join(',', $members) + '}')
    $options.Add('"successEvents":false')
    $options.Add('"trace":"' + $Trace + '"')
    if ($null -ne $Az) {
        $options.Add('"credential":"host"')
        foreach ($pair in @('subscription', 'Subscription'), @('tenant', 'Tenant'), @('endpoint', 'Endpoint'), @('audience', 'Audience')) {
            $value = $Az[$pair[1]]
            if (-not [string]::IsNullOrWhiteSpace($value)) {
                $options.Add((ConvertTo-JsonString $pair[0]) + ':' + (ConvertTo-JsonString $value))
            }
        }
    }
    '{' + [string]::Join(',', $options) + '}'
}

# How much the engine is to tell, from the preferences that the call sees.
function Get-TraceLevel {
    param([object] $Verbose, [object] $Debug)

    if ($Debug -notin 'SilentlyContinue', 'Ignore') {
        'debug'
    } elseif ($Verbose -notin 'SilentlyContinue', 'Ignore') {
        'verbose'
    } else {
        'none'
    }
}

# Starts the session of a run, at its first item.
function Start-EngineSession {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [string] $Trace)

    $Run.Az = Get-AzAccountsContext
    $options = $script:Utf8.GetBytes((New-EngineOptions $Run.Az $Trace))
    $session = [IntPtr[]]::new(1)
    $problem = [IntPtr[]]::new(1)
    $native = $Run.Native
    $status = $native::apimbc_session_new($options, $options.Length, $session, $problem)
    [array]::Clear($options)
    if ($status -ne 0) {
        Stop-OnEngineError $Run $Cmdlet $status $problem[0]
    }
    $Run.Session = $session[0]
}

# Ends the call with the error of a failed engine call.
function Stop-OnEngineError {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [int] $Status, [IntPtr] $Problem)

    if ($Problem -eq [IntPtr]::Zero) {
        $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord 'EngineFailure' NotSpecified "The engine failed with status $Status. This is a defect; please report it." $null))
    }
    $document = [System.Text.Json.JsonDocument]::Parse((Read-NativeBuffer $Run.Native $Problem), [System.Text.Json.JsonDocumentOptions]::new())
    try {
        $Cmdlet.ThrowTerminatingError((New-EngineErrorRecord $document.RootElement $null))
    } finally {
        $document.Dispose()
    }
}

# Takes the events that wait, for at most $Timeout milliseconds for the first; true when the session has ended.
function Receive-EngineEvents {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [int] $Timeout)

    $native = $Run.Native
    $kind = [int[]]::new(1)
    $number = [long[]]::new(1)
    $buffer = [IntPtr[]]::new(1)
    while ($true) {
        $status = $native::apimbc_session_next($Run.Session, $Timeout, $kind, $number, $buffer)
        if ($status -eq 1) {
            return $false
        }
        if ($status -eq 2) {
            return $true
        }
        if ($status -ne 0) {
            Stop-OnEngineError $Run $Cmdlet $status ([IntPtr]::Zero)
        }
        $Timeout = 0
        $document = [System.Text.Json.JsonDocument]::Parse((Read-NativeBuffer $native $buffer[0]), [System.Text.Json.JsonDocumentOptions]::new())
        try {
            $json = $document.RootElement
            switch ($kind[0]) {
                1 { Write-ItemResult $Run $Cmdlet $number[0] $json }
                2 { Send-AzAccountsToken $Run $number[0] $json }
                3 { Write-EngineLog $Cmdlet $json }
                4 { $Cmdlet.ThrowTerminatingError((New-EngineErrorRecord $json.GetProperty('error') $null)) }
            }
        } finally {
            $document.Dispose()
        }
    }
}

function Write-EngineLog {
    param([System.Management.Automation.PSCmdlet] $Cmdlet, [System.Text.Json.JsonElement] $Json)

    $text = Get-JsonText $Json 'text'
    if ((Get-JsonText $Json 'level') -eq 'debug') {
        $Cmdlet.WriteDebug($text)
    } else {
        $Cmdlet.WriteVerbose($text)
    }
}

function Write-ItemResult {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [long] $Number, [System.Text.Json.JsonElement] $Json)

    $target = Skip-Input $Run $Number
    switch (Get-JsonText $Json 'outcome') {
        'succeeded' {
            foreach ($output in & $Run.Output $Json) {
                $Cmdlet.WriteObject($output)
            }
        }
        'failed' {
            $record = New-EngineErrorRecord $Json.GetProperty('error') $target
            if ((Get-JsonText $Json.GetProperty('error') 'fatal') -eq 'True') {
                $Cmdlet.ThrowTerminatingError($record)
            }
            $Cmdlet.WriteError($record)
        }
    }
}

# Lets go of the inputs below an item's number, and gives that item's.
function Skip-Input {
    param([hashtable] $Run, [long] $Number)

    $inputs = $Run.Inputs
    while ($Run.First -lt $Number -and $inputs.Count -gt 0) {
        $null = $inputs.Dequeue()
        $Run.First++
    }
    if ($inputs.Count -gt 0) {
        , $inputs.Peek()
    }
}

# Ends the session of a run in whatever state it is. Gives what was given up: @(never sent, sent and not answered).
function Stop-EngineSession {
    param([hashtable] $Run)

    $native = $Run.Native
    $session = $Run.Session
    if ($null -eq $session -or $session -eq [IntPtr]::Zero) {
        return 0, 0
    }
    $Run.Session = [IntPtr]::Zero
    $null = $native::apimbc_session_cancel($session)
    $counts = [long[]]::new(6)
    $null = $native::apimbc_session_progress($session, $counts, 6)
    $native::apimbc_session_free($session)
    ($counts[4] - $counts[5]), $counts[5]
}

# Ends a run in the clean block: cancels what is left, takes the progress away, and says once what was given up. The
# pipeline may be stopped, so the host is written to directly.
function Close-Run {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet)

    if ($null -eq $Run -or $null -eq $Run.Native) {
        return
    }
    $unsent, $unanswered = Stop-EngineSession $Run
    if ($Run['ProgressShown']) {
        $Cmdlet.Host.UI.WriteProgress($Run.ProgressId, (New-CompletedProgress $Run))
    }
    if ($unsent -gt 0 -or $unanswered -gt 0) {
        $Cmdlet.Host.UI.WriteWarningLine("Cancelled: $unanswered sent and not yet answered, $unsent never sent.")
    }
}

# Whether an object is itself a backend (live or deserialized) or a context: then the settings bound from it are its own.
function Test-BackendOrContext {
    param([object] $Object)

    foreach ($name in $Object.PSObject.TypeNames) {
        if ($name.EndsWith('Models.PsApiManagementBackend', [StringComparison]::Ordinal) -or $name.EndsWith('Models.PsApiManagementContext', [StringComparison]::Ordinal)) {
            return $true
        }
    }
    $false
}
