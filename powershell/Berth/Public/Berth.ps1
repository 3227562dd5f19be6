# SPDX-License-Identifier: LGPL-2.1-or-later
# Connections, and Berth's own ground: why here, what if, what is wrong, what happened.

function Connect-Berth {
    <#
    .SYNOPSIS
        Connects to a Berth cluster.
    .DESCRIPTION
        Connects to berth-api on any host of a cluster, over HTTPS or, on a host itself, over its Unix socket. The
        certificate is checked before anything is sent. The newest connection is the one that the other commands use;
        -Session chooses another. What is not given is taken from the environment variables of the command line:
        BERTH_HOST, BERTH_TOKEN, BERTH_FINGERPRINT and BERTH_CA.
    .PARAMETER Uri
        The address, such as https://node1:8643. Without it, the host's own socket is used.
    .PARAMETER SocketPath
        The Unix socket of berth-api on this host. Default: /run/berth/api.sock.
    .PARAMETER Token
        A token of "berth token add", as text or as a secure string.
    .PARAMETER TokenFile
        A file whose first line is a token.
    .PARAMETER Credential
        A user of "berth user add" and the password. The session is closed by Disconnect-Berth.
    .PARAMETER Fingerprint
        The SHA-256 of the server's certificate, with or without colons. Exactly this certificate is accepted.
        berth-api writes it to its journal at each start.
    .PARAMETER CertificateAuthority
        A PEM file. Only certificates that one of its certificates signed, or that are in it, are accepted.
    .PARAMETER Name
        What the connection is called. Default: the name of the cluster.
    .OUTPUTS
        Berth.Session
    .EXAMPLE
        Connect-Berth https://node1:8643 -TokenFile ~/berth.token -Fingerprint 3F:A2:...

        Connects with a token, to the server with exactly this certificate.
    .EXAMPLE
        Connect-Berth https://node1:8643 -Credential (Get-Credential) -CertificateAuthority ./ca.pem

        Logs in with user and password.
    .EXAMPLE
        Connect-Berth

        On a host of the cluster: connects over its Unix socket.
    .EXAMPLE
        $east = Connect-Berth https://east1:8643 -TokenFile ./east -Name east
        $west = Connect-Berth https://west1:8643 -TokenFile ./west -Name west
        Get-VM -Session $east, $west

        Two clusters at once.
    #>
    [CmdletBinding(DefaultParameterSetName = 'Uri')]
    [OutputType('Berth.Session')]
    param(
        [Parameter(ParameterSetName = 'Uri', Position = 0)]
        [Alias('Url', 'Address')]
        [string] $Uri,
        [Parameter(ParameterSetName = 'Socket', Mandatory)]
        [string] $SocketPath,
        [object] $Token,
        [string] $TokenFile,
        [pscredential] $Credential,
        [string] $Fingerprint,
        [Alias('CaFile')]
        [string] $CertificateAuthority,
        [string] $Name
    )
    Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    $refuse = {
        param([string] $Message, $Target, [string] $Action)
        $PSCmdlet.ThrowTerminatingError((New-BerthError 'BadConnection' $Message 'InvalidArgument' $Target $Action))
    }
    if (@($Token, $TokenFile, $Credential | Where-Object { $_ }).Count -gt 1) {
        & $refuse 'Give one of -Token, -TokenFile and -Credential.' $null 'Leave out the others.'
    }
    if ($Fingerprint -and $CertificateAuthority) {
        & $refuse 'Give one of -Fingerprint and -CertificateAuthority.' $null 'Leave out the other.'
    }
    if (-not $Uri -and -not $SocketPath) {
        if ($env:BERTH_HOST) { $Uri = $env:BERTH_HOST } else { $SocketPath = $script:DefaultSocket }
    }
    $address = $null
    if (-not $SocketPath) {
        if ($Uri -notmatch '^\w+://') {
            $Uri = "https://$Uri"
            if ($Uri -notmatch ':\d+/?$') { $Uri += ':8643' }
        }
        if (-not [uri]::TryCreate($Uri, 'Absolute', [ref] $address) -or $address.Scheme -ne 'https') {
            & $refuse "`"$Uri`" is not an address such as https://node1:8643." $Uri 'Secrets are sent over HTTPS only.'
        }
        if (-not $Fingerprint -and -not $CertificateAuthority) {
            $Fingerprint = $env:BERTH_FINGERPRINT
            if (-not $Fingerprint) { $CertificateAuthority = $env:BERTH_CA }
        }
        if (-not $Token -and -not $TokenFile -and -not $Credential) {
            $Token = $env:BERTH_TOKEN
        }
    }
    $hash = $null
    if ($Fingerprint) {
        $hash = ConvertTo-BerthFingerprint $Fingerprint
        if (-not $hash) {
            & $refuse "`"$Fingerprint`" is not a SHA-256: 64 hexadecimal digits, with or without colons." $Fingerprint `
                'journalctl -u berth-api on the host shows it.'
        }
    }
    $secret = if ($Token -is [securestring]) { ConvertFrom-SecureString $Token -AsPlainText } else { "$Token" }
    try {
        if ($TokenFile) {
            $path = $PSCmdlet.GetUnresolvedProviderPathFromPSPath($TokenFile)
            $secret = "$(Get-Content -LiteralPath $path -TotalCount 1 -ErrorAction Stop)".Trim()
            if (-not $secret) {
                & $refuse "$TokenFile is empty." $TokenFile 'Its first line must be a token.'
            }
        }
        if ($CertificateAuthority) {
            $CertificateAuthority = $PSCmdlet.GetUnresolvedProviderPathFromPSPath($CertificateAuthority)
        }
        $connection = Add-BerthConnection $Name $address $SocketPath $secret $Credential $hash $CertificateAuthority
    } catch {
        $PSCmdlet.ThrowTerminatingError($_)
    }
    ConvertTo-BerthSession $connection
}

function Disconnect-Berth {
    <#
    .SYNOPSIS
        Ends connections.
    .DESCRIPTION
        Ends connections, and closes the login of those that were made with a credential. Without parameters, ends the
        newest.
    .PARAMETER Session
        The connections to end: objects or names of Connect-Berth.
    .PARAMETER All
        Ends all connections.
    .EXAMPLE
        Disconnect-Berth

        Ends the newest connection.
    .EXAMPLE
        Get-BerthSession | Disconnect-Berth

        Ends all of them.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Position = 0, ValueFromPipeline)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session,
        [switch] $All
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        if ($All) {
            Close-BerthConnection
            return
        }
        if (-not $Session) {
            $Session = @(@($script:Connections.Keys) | Select-Object -Last 1)
        }
        foreach ($each in $Session) {
            try {
                Remove-BerthConnection (Find-BerthConnection $each)
            } catch {
                $PSCmdlet.WriteError($_)
            }
        }
    }
}

function Get-BerthSession {
    <#
    .SYNOPSIS
        Lists the connections.
    .DESCRIPTION
        Lists the connections of Connect-Berth. The last one is the newest, which commands use by default.
    .PARAMETER Name
        Only connections of this name; wildcards are allowed.
    .OUTPUTS
        Berth.Session
    .EXAMPLE
        Get-BerthSession

        Lists all connections.
    #>
    [CmdletBinding()]
    [OutputType('Berth.Session')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [string] $Name = '*'
    )
    @($script:Connections.Values) | Where-Object { $_.Name -like $Name } | ForEach-Object { ConvertTo-BerthSession $_ }
}

function Get-BerthPlacement {
    <#
    .SYNOPSIS
        Shows, for each host, why a VM runs or could run there, or why not.
    .DESCRIPTION
        Asks the planner about every host: whether the VM fits there now, and if not, what is missing. The reason for its
        present place is in Cause.
    .PARAMETER VMName
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.Placement
    .EXAMPLE
        Get-BerthPlacement train1

        Shows every host, and why train1 could or could not run there.
    .EXAMPLE
        Get-VM | Where-Object State -eq Waiting | Get-BerthPlacement | Format-Table -Wrap

        Why waiting VMs wait.
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('Berth.Placement')]
    param(
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)]
        [Alias('Name')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $VMName,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        $targets = @($VMName) + @($VM)
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $VM) {
                foreach ($name in Resolve-BerthVMName $berth $targets) {
                    $answer = Invoke-BerthRest $berth GET (Format-BerthPath 'v1/vms/{0}/explain' $name) $null $name
                    foreach ($node in $answer.hosts) {
                        [pscustomobject] @{
                            PSTypeName = 'Berth.Placement'; VMName = $name; ComputerName = $node.subject
                            IsHere = $answer.node -eq $node.subject; Fits = [bool] $node.fits; Reason = $node.text
                            Cause = $answer.cause; State = $script:VMStates["$($answer.state)"] ?? $answer.state
                            ClusterSession = $berth.Name
                        }
                    }
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $targets
        }
    }
}

function Test-BerthHostLoss {
    <#
    .SYNOPSIS
        Shows what would happen if hosts failed now.
    .DESCRIPTION
        Asks the planner where the VMs of failed hosts would start, and which would be left without a GPU, and why. Nothing
        is changed. Without -Node, shows the loss of each host by itself.
    .PARAMETER Node
        The hosts that fail together. Also takes nodes of Get-ClusterNode.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.HostLoss
    .EXAMPLE
        Test-BerthHostLoss

        For each host: how many VMs it runs, and which its loss would leave without a GPU.
    .EXAMPLE
        Test-BerthHostLoss node1, node2 | Select-Object -ExpandProperty Placements

        Where the VMs of both would start.
    #>
    [CmdletBinding()]
    [OutputType('Berth.HostLoss')]
    param(
        [Parameter(Position = 0, ValueFromPipeline)]
        [Alias('Name')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [object[]] $Node,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        $given = [System.Collections.Generic.List[object]]::new()
    }
    process {
        $Node | Where-Object { $_ } | ForEach-Object { $given.Add($_) }
    }
    end {
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $given) {
                $names = @($given | ForEach-Object { $_ -is [string] ? $_ : $_.Name })
                if ($names) {
                    $names = @(Resolve-BerthNodeName $berth $names)
                    $plan = Invoke-BerthRest $berth POST v1/plan @{ fail = $names } $names
                    ConvertTo-BerthHostLoss $berth $names $plan.placements $plan.left_out $plan.proven
                    continue
                }
                foreach ($each in (Invoke-BerthRest $berth GET v1/survival).hosts) {
                    $plan = Invoke-BerthRest $berth POST v1/plan @{ fail = @($each.node) } $each.node
                    ConvertTo-BerthHostLoss $berth $each.node $plan.placements $plan.left_out $plan.proven
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $given
        }
    }
}

function Get-BerthProblem {
    <#
    .SYNOPSIS
        Lists what is wrong in the cluster, and what to do about it.
    .DESCRIPTION
        Lists servers, GPUs and VMs that are not as they should be now, and the findings of the validation that are not ok.
    .PARAMETER Severity
        Only problems of this severity: Failed or Warning.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.Problem
    .EXAMPLE
        Get-BerthProblem

        Lists all problems, the failed ones first.
    .EXAMPLE
        Get-BerthProblem -Severity Failed | Format-List

        What needs attention now, in full.
    #>
    [CmdletBinding()]
    [OutputType('Berth.Problem')]
    param(
        [ValidateSet('Failed', 'Warning')]
        [string[]] $Severity = @('Failed', 'Warning'),
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    $categories = @{ vm = 'VM'; node = 'Node'; gpu = 'GPU'; cluster = 'Cluster' }
    try {
        foreach ($berth in Select-BerthConnection $PSBoundParameters) {
            $now = foreach ($problem in (Invoke-BerthRest $berth GET v1/problems).items) {
                New-BerthProblem $berth ($problem.severity -eq 'error' ? 'Failed' : 'Warning') $categories[$problem.of] `
                    $problem.subject $problem.code `
                    ((@($problem.text, $problem.cause, (Join-BerthReason $problem.reasons)) | Where-Object { $_ }) -join ': ')
            }
            $findings = foreach ($group in (Invoke-BerthRest $berth GET v1/validate).groups) {
                foreach ($check in $group.checks | Where-Object { $_.result -ne 'ok' }) {
                    New-BerthProblem $berth ($check.result -eq 'failed' ? 'Failed' : 'Warning') $group.name $check.subject `
                        $check.check $check.text
                }
            }
            @($now) + @($findings) | Where-Object { $_.Severity -in $Severity } | Sort-Object { $_.Severity -ne 'Failed' } -Stable
        }
    } catch {
        Write-BerthFailure $PSCmdlet $_
    }
}

function Get-BerthEvent {
    <#
    .SYNOPSIS
        Shows who did what, and why.
    .DESCRIPTION
        Shows the newest events of the cluster, the oldest of them first. With -Follow, shows each event as it happens,
        until it is interrupted or -TimeoutSeconds have passed.
    .PARAMETER Newest
        How many, at most 1000. Default: 100.
    .PARAMETER Subject
        Only events about this node, pool or VM.
    .PARAMETER Code
        Only events with this code, such as vm-running.
    .PARAMETER Severity
        Only events of this severity: info, warning or error.
    .PARAMETER Text
        Only events whose text contains this.
    .PARAMETER Follow
        Goes on with each event as it happens. With -After, begins behind that event and misses none.
    .PARAMETER After
        Only events behind the one with this Id.
    .PARAMETER TimeoutSeconds
        With -Follow: ends after this time.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.Event
    .EXAMPLE
        Get-BerthEvent -Subject train1 -Newest 20

        The last 20 events about train1.
    .EXAMPLE
        Get-BerthEvent -Follow | Where-Object Severity -ne info

        Warnings and errors as they happen.
    #>
    [CmdletBinding()]
    [OutputType('Berth.Event')]
    param(
        [Parameter(Position = 0)]
        [ValidateRange(1, 1000)]
        [int] $Newest = 100,
        [string] $Subject,
        [string] $Code,
        [ValidateSet('info', 'warning', 'error')]
        [string] $Severity,
        [string] $Text,
        [switch] $Follow,
        [string] $After,
        [ValidateRange(1, 2147483)]
        [int] $TimeoutSeconds = 2147483,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    try {
        $connections = @(Select-BerthConnection $PSBoundParameters)
        if ($Follow) {
            Watch-BerthEvent $connections[0] $After $TimeoutSeconds |
                Where-Object { (-not $Subject -or $_.Subject -eq $Subject) -and (-not $Code -or $_.Code -eq $Code) -and
                    (-not $Severity -or $_.Severity -eq $Severity) -and (-not $Text -or $_.Text -like "*$([wildcardpattern]::Escape($Text))*") }
            return
        }
        $query = "v1/events?limit=$Newest"
        foreach ($name in 'Subject', 'Code', 'Severity', 'Text', 'After') {
            if ($PSBoundParameters[$name]) {
                $query += "&$($name.ToLowerInvariant())=$([uri]::EscapeDataString($PSBoundParameters[$name]))"
            }
        }
        foreach ($berth in $connections) {
            Get-BerthItem $berth $query | ForEach-Object { ConvertTo-BerthEvent $berth $_ }
        }
    } catch {
        Write-BerthFailure $PSCmdlet $_
    }
}
