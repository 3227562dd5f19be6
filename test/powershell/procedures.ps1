# SPDX-License-Identifier: LGPL-2.1-or-later
# The procedures of administrators, line by line; each goes on where the one before has ended.
param([Parameter(ValueFromRemainingArguments)] [string[]] $Words)
. $PSScriptRoot/lib/Tap.ps1
. $PSScriptRoot/lib/Stage.ps1

$stage = Start-Stage
$pair = 'node1/0000:41:00.0', 'node1/0000:a1:00.0', 'node2/0000:41:00.0', 'node2/0000:a1:00.0', 'node3/0000:41:00.0', 'node3/0000:a1:00.0'
$nodes = 'node1', 'node2', 'node3'
try {
    Import-Module $script:Manifest -ErrorAction Stop
    [void] (Connect-Berth -SocketPath $stage.socket)
    'train1', 'train2', 'desk1' | ForEach-Object {
        [void] (Add-ClusterVirtualMachineRole -DomainXmlPath (New-Domain $stage $_))
    }

    Test 'the pool is made on each server: the first makes it, the others find it' {
        foreach ($server in $nodes) {
            $pool = MustWork { New-VMResourcePool -ResourcePoolType PciExpress -Name 'GpuChildPool' -ComputerName $server }
            MustBe $pool.Name GpuChildPool
        }
        $seen = Watch { New-VMResourcePool -ResourcePoolType PciExpress -Name 'GpuChildPool' -Verbose }
        Must ($seen.Verbose -match 'whole cluster') "nothing is said of the cluster: $($seen.Verbose)"
        MustBe (MustWork { Get-VMResourcePool }).Count 1
        MustBe (MustWork { Get-VMResourcePool GpuChildPool }).Total 0
    }

    Test 'GPUs are found by maker, disabled and dismounted by location path' {
        $gpudevs = MustWork { Get-PnpDevice -PresentOnly | Where-Object { $_.Class -like 'Display' -and $_.Manufacturer -like 'NVIDIA' } }
        MustBe $gpudevs.Count 6
        $locationPath = ($gpudevs | Get-PnpDeviceProperty DEVPKEY_Device_LocationPaths).data[0]
        MustBe $locationPath $pair[0]
        foreach ($device in $gpudevs) {
            [void] (MustWork {
                    $loc = (Get-PnpDeviceProperty -KeyName DEVPKEY_Device_LocationPaths -InstanceId $device.InstanceId).Data[0]
                    Disable-PnpDevice -InstanceId $device.InstanceId -Confirm:$false
                    Dismount-VMHostAssignableDevice -LocationPath $loc -Force
                })
        }
        $have = MustWork { Get-VMHostAssignableDevice }
        MustBe (($have.LocationPath | Sort-Object) -join ' ') ($pair -join ' ')
        MustBe ($have.State | Select-Object -Unique) dismounted
        MustBe (MustWork { Get-VMHostAssignableDevice -ComputerName node2 }).Count 2
    }

    Test 'the dismounted GPUs are added on each server, and again' {
        foreach ($server in $nodes) {
            [void] (MustWork {
                    $gpu = Get-VMHostAssignableDevice -ComputerName $server
                    Add-VMHostAssignableDevice -HostAssignableDevice $gpu -ResourcePoolName 'GpuChildPool'
                })
        }
        [void] (MustWork {
                $gpu = Get-VMHostAssignableDevice
                Add-VMHostAssignableDevice -HostAssignableDevice $gpu -ResourcePoolName 'GpuChildPool'
            })
        [void] (MustWork { Get-VMHostAssignableDevice | Where-Object LocationPath -like 'node1*' | Add-VMHostAssignableDevice -ResourcePoolName GpuChildPool })
        $pool = MustWork { Get-VMResourcePool -Name GpuChildPool -ResourcePoolType PciExpress }
        MustBe $pool.Total 6
        MustBe ($pool.ComputerName -join ' ') ($nodes -join ' ')
        MustBe (MustWork { Get-VMHostAssignableDevice -ResourcePoolName GpuChildPool }).Count 6
    }

    Test 'a VM is clustered, prepared, and its offline action set by either name of its resource' {
        MustBe (MustWork { Add-ClusterVirtualMachineRole -VMName train1 }).Name train1
        MustBe (MustWork { Add-ClusterVirtualMachineRole -VirtualMachine train1 }).State Offline
        MustBe (MustWork { Get-VM train1 | Add-ClusterVirtualMachineRole }).Name train1
        [void] (MustWork {
                Set-VM -Name train1 -AutomaticStopAction TurnOff
                Set-VM -GuestControlledCacheTypes $true -VMName train1
            })
        foreach ($name in 'train1', 'Virtual Machine train1') {
            foreach ($value in 2, 3) {
                [void] (MustWork { Get-ClusterResource -Name $name | Set-ClusterParameter -Name 'OfflineAction' -Value $value })
                MustBe (MustWork { Get-ClusterResource $name | Get-ClusterParameter OfflineAction }).Value $value
            }
        }
        MustBe (MustWork { Get-VM train1 }).OfflineAction force-shutdown
    }

    Test 'memory-mapped space that is too small for the GPUs is not taken, and more is' {
        $seen = Watch { Set-VM -LowMemoryMappedIoSpace 3GB -HighMemoryMappedIoSpace 33280MB -VMName train1 }
        MustBe $seen.Errors.Count 0
        MustBe $seen.Warnings.Count 2
        MustBe (MustWork { Get-VM train1 }).HighMemoryMappedIoSpace 0
        [void] (MustWork { Get-VM train1 | Set-VM -HighMemoryMappedIoSpace 512GB })
        MustBe (MustWork { Get-VM train1 }).HighMemoryMappedIoSpace 512GB
        [void] (MustWork { Set-VM train1 -HighMemoryMappedIoSpace 0 })
    }

    Test 'a VM is assigned one GPU a call, by name and through the pipeline' {
        [void] (MustWork { Add-VMAssignableDevice -ResourcePoolName 'GpuChildPool' -VMName train1 })
        MustBe @(MustWork { Get-VMAssignableDevice -VMName train1 }).Count 1
        MustBe (MustWork { Get-VM train1 | Add-VMAssignableDevice -ResourcePoolName GpuChildPool -Passthru }).Count 2
        MustBe (MustWork { Get-VM train1 }).AssignableDevices[0] '2 x GpuChildPool'
    }

    Test 'a group is started, and what the VM got is shown where it is looked for' {
        $seen = Watch { Start-ClusterGroup -Name train1 }
        MustBe $seen.Errors.Count 0
        MustBe $seen.Output[0].State Online
        Must ($seen.Progress.Count -gt 0) 'no progress was shown'
        $vm = MustWork { Get-VM train1 }
        MustBe $vm.State Running
        MustBe $vm.GPU.Count 2
        $held = MustWork { Get-VMAssignableDevice train1 }
        MustBe (($held.LocationPath | Sort-Object) -join ' ') (($vm.GPU | Sort-Object) -join ' ')
        MustBe ($held.ComputerName | Select-Object -Unique) $vm.ComputerName
        MustBe (MustWork { Get-VMResourcePool GpuChildPool }).Assigned 2
        MustBe (MustWork { Get-ClusterGroup train1 }).OwnerNode $vm.ComputerName
        MustBe (MustWork { Get-ClusterNode $vm.ComputerName | Get-ClusterGroup }).Name train1
        MustBe (MustWork { Get-VM -Id $vm.Id }).Name train1
        MustBe (MustWork { Get-VM -ComputerName $vm.ComputerName }).Name train1
        MustBe (MustWork { Get-VM -ClusterObject (Get-ClusterResource train1) }).Name train1
    }

    Test 'drain with -WhatIf shows what would move where, and changes nothing' {
        $from = (Get-VM train1).ComputerName
        $before = Get-Configuration $stage
        $seen = Watch { Suspend-ClusterNode -Name $from -Drain -WhatIf }
        MustBe $seen.Errors.Count 0
        Must ("$($seen.Lines)" -match 'What if:.*train1 moves to node') "said: $($seen.Lines)"
        MustBe $seen.Output.Count 1
        MustBe $seen.Output[0].VMName train1
        MustBe $seen.Output[0].From $from
        Must ($seen.Output[0].To -in $nodes -and $seen.Output[0].To -ne $from) $seen.Output[0].To
        MustBe (Get-Configuration $stage) $before 'the configuration'
        MustBe (MustWork { Get-ClusterNode $from }).State Up
    }

    Test 'drain -Wait ends when the node is empty, the VM runs where the preview said, and resume lets it back' {
        $from = (Get-VM train1).ComputerName
        $to = (Suspend-ClusterNode $from -Drain -WhatIf).To
        $seen = Watch { Suspend-ClusterNode -Name $from -Drain -Wait }
        MustBe $seen.Errors.Count 0
        Must ($seen.Progress.Count -gt 0) 'no progress was shown'
        MustBe $seen.Output[0].DrainStatus Completed
        MustBe $seen.Output[0].State Paused
        MustBe $seen.Output[0].VMCount 0
        Wait-Until "train1 runs on $to" { $vm = Get-VM train1; $vm.State -eq 'Running' -and $vm.ComputerName -eq $to }
        MustBe (MustWork { Resume-ClusterNode -Name $from -Failback Immediate }).State Up
    }

    Test 'a pause keeps what runs, and a paused node is resumed through the pipeline' {
        $node = (Get-VM train1).ComputerName
        MustBe (MustWork { Suspend-ClusterNode $node }).State Paused
        MustBe (MustWork { Get-VM train1 }).State Running
        MustBe (MustWork { Get-ClusterNode | Where-Object State -eq Paused | Resume-ClusterNode }).Name $node
    }

    Test 'a VM is moved to a node, and through the pipeline to the best one' {
        $from = (Get-VM train1).ComputerName
        $to = @($nodes | Where-Object { $_ -ne $from })[-1]
        $group = MustWork { Move-ClusterVirtualMachineRole -Name train1 -Node $to -MigrationType ShutdownForce }
        MustBe $group.OwnerNode $to
        MustBe $group.State Online
        $group = MustWork { Get-ClusterGroup train1 | Move-ClusterVirtualMachineRole }
        Must ($group.OwnerNode -ne $to) 'it did not move'
    }

    Test 'failback moves a VM that prefers a node back to it when that is resumed' {
        $home1 = (Get-VM train1).ComputerName
        [void] (Invoke-Stage $stage "berth vm set train1 --preferred $home1")
        [void] (MustWork { Suspend-ClusterNode $home1 -Drain -Wait })
        Wait-Until 'train1 runs elsewhere' { $vm = Get-VM train1; $vm.State -eq 'Running' -and $vm.ComputerName -ne $home1 }
        [void] (MustWork { Resume-ClusterNode $home1 -Failback Immediate })
        Wait-Until "train1 is back on $home1" { $vm = Get-VM train1; $vm.State -eq 'Running' -and $vm.ComputerName -eq $home1 }
    }

    Test 'a VM that no host can run is an error with the reasons, and starts when one can' {
        [void] (MustWork { 1..3 | ForEach-Object { Add-VMAssignableDevice -VMName train2 -ResourcePoolName GpuChildPool } })
        $record = MustFail { Start-VM train2 } operation-waiting ResourceUnavailable
        Must ("$record" -match 'GPUs') "no reason: $record"
        MustBe $record.TargetObject train2
        MustBe (MustWork { Get-VM train2 }).State Waiting
        Must ((MustWork { Get-BerthProblem }).Subject -contains 'train2') 'it is no problem'
        [void] (MustWork { Stop-VM train2; Remove-VMAssignableDevice -VMName train2 })
        MustBe @(MustWork { Get-VMAssignableDevice train2 }).Count 0
    }

    Test 'validation writes a page and returns its file' {
        $seen = Watch { Test-Cluster -Node node1, node2 }
        MustBe $seen.Errors.Count 0
        $file = $seen.Output[0]
        MustBe $file.GetType().Name FileInfo
        $page = Get-Content -Raw $file
        Remove-Item $file
        Must ($page -match '<h1>Validation of cluster berth</h1>' -and $page -match '<h2>GPU pools</h2>') 'the report is not whole'
        $named = MustWork { Test-Cluster -Include 'GPU*' -ReportName (Join-Path $stage.directory report) }
        MustBe $named.Name report.htm
        Must ((Get-Content -Raw $named) -notmatch '<h2>Nodes</h2>') 'what was not included is in it'
        Must ((MustWork { Test-Cluster -List }).Category -contains 'GPUs') 'no list of groups'
    }

    Test 'Berth says why here, what if, what is wrong and what happened' {
        $placement = MustWork { Get-VM train1 | Get-BerthPlacement }
        MustBe $placement.Count 3
        MustBe @($placement | Where-Object IsHere)[0].ComputerName (Get-VM train1).ComputerName
        $loss = MustWork { Test-BerthHostLoss }
        MustBe $loss.Count 3
        $here = (Get-VM train1).ComputerName
        MustBe (MustWork { Get-ClusterNode $here | Test-BerthHostLoss }).Placements[0].VMName train1
        Must (@(MustWork { Get-BerthProblem }).Severity -notcontains $null) 'a problem without severity'
        Must ((MustWork { Get-BerthEvent -Subject train1 -Newest 500 }).Code -contains 'vm-running') 'no event of the start'
    }

    Test 'events are followed as they happen, behind the one that is known' {
        $last = (Get-BerthEvent -Newest 1).Id
        [void] (MustWork { Suspend-ClusterNode node3; Resume-ClusterNode node3 })
        $told = MustWork { Get-BerthEvent -Follow -After $last -Subject node3 -TimeoutSeconds 30 | Select-Object -First 2 }
        MustBe ($told.Code -join ' ') 'node-paused node-resumed'
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        [void] (MustWork { Get-BerthEvent -Follow -Code no-such-code -TimeoutSeconds 1 })
        Must ($clock.Elapsed.TotalSeconds -lt 20) 'the time limit of -Follow does not hold'
    }

    Test 'jobs do in the background what waits' {
        $job = MustWork { Get-VM train1 | Stop-VM -AsJob -Passthru }
        MustBe $job.Name Stop-VM
        $done = MustWork { $job | Receive-Job -Wait -AutoRemoveJob }
        MustBe $done.State Off
        $done = MustWork { Start-VM train1 -AsJob -Passthru | Receive-Job -Wait -AutoRemoveJob }
        MustBe $done.State Running
        $from = $done.ComputerName
        $node = MustWork { Suspend-ClusterNode $from -Drain -Wait -AsJob | Receive-Job -Wait -AutoRemoveJob }
        MustBe $node.DrainStatus Completed
        [void] (MustWork { Resume-ClusterNode $from })
        $failed = Start-VM nobody -AsJob | Wait-Job -Timeout 60
        $seen = Watch { Receive-Job $failed }
        Must ($seen.Errors.Count -eq 1 -and $seen.Errors[0].FullyQualifiedErrorId -like 'no-such-vm*') "the job's error: $($seen.Errors)"
        Remove-Job $failed
    }

    Test 'what was assigned is taken back, one a call, when the VM is off' {
        [void] (MustWork { Stop-VM train1 -Force })
        MustBe (MustWork { Get-VM train1 }).State Off
        [void] (MustWork { Remove-VMAssignableDevice -ResourcePoolName GpuChildPool -VMName train1 })
        MustBe @(MustWork { Get-VMAssignableDevice train1 }).Count 1
        [void] (MustWork { Get-VMAssignableDevice -VMName train1 | Where-Object { $_.ResourcePoolName -eq 'GpuChildPool' } | Remove-VMAssignableDevice })
        MustBe @(MustWork { Get-VMAssignableDevice train1 }).Count 0
    }

    Test 'a pool gets another name with all its GPUs' {
        MustBe (MustWork { Rename-VMResourcePool -Name GpuChildPool -ResourcePoolType PciExpress -NewName A40 -Passthru }).Total 6
        MustBe (MustWork { Get-VMResourcePool }).Name A40
    }

    Test 'GPUs leave the pool, the pool goes, and the GPUs go back to their hosts' {
        [void] (MustWork { Get-VMHostAssignableDevice -ComputerName node1 | Remove-VMHostAssignableDevice -ResourcePoolName A40 })
        MustBe (MustWork { Get-VMResourcePool A40 }).Total 4
        [void] (MustWork { Remove-VMResourcePool -Name A40 -ResourcePoolType PciExpress })
        MustBe @(MustWork { Get-VMResourcePool }).Count 0
        [void] (MustWork { Get-VMHostAssignableDevice | Mount-VMHostAssignableDevice })
        MustBe @(MustWork { Get-VMHostAssignableDevice }).Count 0
        $device = @(MustWork { Get-PnpDevice -FriendlyName *A40* -Status OK })
        MustBe $device.Count 6
        [void] (MustWork { Enable-PnpDevice -InstanceId $device[0].InstanceId -Confirm:$false })
    }

    Test 'a GPU is dismounted by instance path and by address on a named host' {
        $device = (Get-PnpDevice | Where-Object LocationPath -eq $pair[0])
        $back = MustWork { Dismount-VMHostAssignableDevice -InstancePath $device.InstanceId -Force -Passthru }
        MustBe $back.State dismounted
        [void] (MustWork { Dismount-VMHostAssignableDevice -LocationPath 41:00.0 -ComputerName node2 -Force })
        MustBe ((MustWork { Get-VMHostAssignableDevice }).LocationPath -join ' ') "$($pair[0]) $($pair[2])"
        [void] (MustWork { Mount-VMHostAssignableDevice -LocationPath $pair[0] })
        [void] (MustWork { Get-VMHostAssignableDevice -LocationPath $pair[2] | Mount-VMHostAssignableDevice })
    }

    Test 'GPUs are divided, and a VM gets a part of one without a word about pools' {
        $gpus = MustWork { Get-VMHostPartitionableGpu -ComputerName node1, node2 | Where-Object LocationPath -like '*41:00.0' }
        MustBe $gpus.Count 2
        Must ($gpus[0].ValidPartitionCounts -contains 4) "valid: $($gpus[0].ValidPartitionCounts)"
        $seen = Watch { Set-VMHostPartitionableGpu -Name $gpus[0].Name -PartitionCount 4 }
        MustBe $seen.Errors.Count 0
        Must ("$($seen.Warnings)" -match 'equal partitions') "no warning: $($seen.Warnings)"
        $seen = Watch { $gpus[1] | Set-VMHostPartitionableGpu -PartitionCount 4 -Passthru }
        MustBe $seen.Errors.Count 0
        MustBe $seen.Output[0].PartitionCount 4
        $seen = Watch { Add-VMGpuPartitionAdapter -VMName desk1 -MinPartitionVRAM 1 -MaxPartitionVRAM 2 }
        MustBe $seen.Errors.Count 0
        MustBe $seen.Warnings.Count 1
        $adapter = MustWork { Get-VMGpuPartitionAdapter -VMName desk1 }
        MustBe $adapter.ResourcePoolName GpuPartitionPool
        MustBe (MustWork { Get-VMResourcePool GpuPartitionPool }).Total 8
        [void] (MustWork { Start-VM desk1 })
        Must ((MustWork { Get-VMGpuPartitionAdapter desk1 }).LocationPath -like '*41:00.0+*') 'it has no part'
        [void] (MustFail { Set-VMHostPartitionableGpu -Name $gpus[0].Name -PartitionCount 8 } '' InvalidOperation)
        [void] (MustWork { Stop-VM desk1 -TurnOff; Remove-VMGpuPartitionAdapter -VMName desk1 })
        MustBe @(MustWork { Get-VMGpuPartitionAdapter desk1 }).Count 0
        [void] (MustWork { Remove-VMResourcePool GpuPartitionPool GpuPartition })
        [void] (MustWork { $gpus | Set-VMHostPartitionableGpu -PartitionCount 0 })
    }

    Complete-Test $Words { Get-Content (Join-Path $stage.directory journal) -Tail 5 }
} finally {
    Stop-Stage $stage
}
