"""Proteins → segments → segment pairs → structures → scores → selection, and their orchestration."""
