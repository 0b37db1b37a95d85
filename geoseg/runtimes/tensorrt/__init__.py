"""TensorRT: conversion of graphs, builds and calibration of engines, and runs on CUDA devices."""
